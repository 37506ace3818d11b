using System.Globalization;
using System.Text;
using AiModels.ApiMachinery.Storage;
using AiModels.ApiServer.Storage;

namespace AiModels.ApiServer.Tests.Storage;

/// <summary>
/// A process that writes into an embedded store (ENGINE PATH) without end and says on its standard output what was acknowledged: <c>key revision counter ;</c>, one line each.
/// Every key counts up, so that what must be found after a kill is known: the acknowledged counter, or the next one.
/// </summary>
internal static class StoreWriterChild
{
    public const string Name = "store-writer";
    private const int Writers = 4;

    public static async Task<int> RunAsync(string[] arguments)
    {
        await using IObjectStore store = StorageEngines.OpenEmbedded(arguments[0], arguments[1], TimeProvider.System);
        await using var output = Console.OpenStandardOutput();
        await Task.WhenAll(Enumerable.Range(0, Writers).Select(writer => Task.Run(() => WriteAsync(store, output, writer))));
        return 0;
    }

    private static async Task WriteAsync(IObjectStore store, Stream output, int writer)
    {
        for (int i = 0; ; i++)
        {
            var key = new ObjectKey("test", "counters", "", $"w{writer}-{i % 50}");
            StoredObject? current = await store.GetAsync(key, CancellationToken.None);
            int counter = current is null ? 1 : Counter(current) + 1;
            byte[] value = Encoding.ASCII.GetBytes(counter.ToString(CultureInfo.InvariantCulture).PadRight(500));
            WriteResult result = current is null
                ? await store.CreateAsync(key, value, CancellationToken.None)
                : await store.UpdateAsync(key, current.Revision, value, CancellationToken.None);
            byte[] line = Encoding.ASCII.GetBytes($"{key.Name} {result.Object!.Revision} {counter} ;\n");
            lock (output)
            {
                output.Write(line);
            }
        }
    }

    public static int Counter(StoredObject stored) => int.Parse(Encoding.ASCII.GetString(stored.Value.Span).TrimEnd(), CultureInfo.InvariantCulture);
}
