using AiModels.ApiMachinery.Storage;
using AiModels.ApiMachinery.Storage.Sqlite;
using AiModels.ApiServer.Storage;
using AiModels.ApiServer.Tests.Storage;
using AiModels.EtcdStore;
using AiModels.TestKit;

namespace AiModels.ApiServer.Tests.ApiServer.Storage;

/// <summary>One store into another: everything, bit for bit, or a clear refusal.</summary>
[TestClass]
public sealed class StorageCopyTests
{
    private readonly TempFolder _folder = new();

    public TestContext TestContext { get; set; } = null!;

    private CancellationToken Cancelled => TestContext.CancellationToken;

    [TestCleanup]
    public void DeleteFolder() => _folder.Dispose();

    [TestMethod]
    [Timeout(120_000, CooperativeCancellation = true)]
    public async Task Copy_SqliteToEtcdToSqlite_KeepsEveryByte_AndRevisionsGoOnRising()
    {
        await using SqliteObjectStore source = Sqlite("source");
        await using EtcdObjectStore middle = SharedEtcd.Open((await SharedEtcd.GetAsync()).Servers, SharedEtcd.NewPrefix());
        await using SqliteObjectStore end = Sqlite("end");
        for (int i = 0; i < 1100; i++)
        {
            await source.CreateAsync(new ObjectKey(i % 3 == 0 ? "" : "ai.deckhouse.io", "things", i % 2 == 0 ? "" : $"n{i % 7}", $"t{i}"), new[] { (byte)i }, Cancelled);
        }

        using var report = new StringWriter();
        long inEtcd = await CopyAsync(source, middle, report);
        long inTheEnd = await CopyAsync(middle, end, report);

        Assert.AreEqual(await DumpAsync(source), await DumpAsync(end));
        Assert.IsGreaterThanOrEqualTo(await source.GetRevisionAsync(Cancelled), inEtcd, "no client may know a later revision than the new store has");
        Assert.IsGreaterThanOrEqualTo(inEtcd, inTheEnd);
        StringAssert.Contains(report.ToString(), "things.ai.deckhouse.io: 733");
        StringAssert.Contains(report.ToString(), "copied 1100 objects");
    }

    [TestMethod]
    public async Task Copy_IntoAStoreThatIsNotEmpty_IsRefused_AndChangesNothing()
    {
        await using SqliteObjectStore source = Sqlite("source");
        await using SqliteObjectStore target = Sqlite("target");
        await source.CreateAsync(new ObjectKey("g", "things", "", "new"), new byte[1], Cancelled);
        await target.CreateAsync(new ObjectKey("g", "things", "", "old"), new byte[1], Cancelled);
        string before = await DumpAsync(target);

        var refusal = await Assert.ThrowsExactlyAsync<StorageCopyException>(() => new StorageCopy(source, target, TextWriter.Null).RunAsync(Cancelled));

        StringAssert.Contains(refusal.Message, "/g/things/old");
        Assert.AreEqual(before, await DumpAsync(target));
    }

    [TestMethod]
    [DataRow("sqlite", "etcd", "--from: 'sqlite' names no folder")]
    [DataRow("files:/x", "etcd", "'files' is no engine")]
    [DataRow("sqlite:/x", "sqlite:/x", "the same store")]
    [DataRow("sqlite:/x", "etcd:http://localhost:2379", "--etcd-servers")]
    [DataRow("sqlite:/x", "etcd", "--etcd-servers is missing")]
    public void Options_ThatMakeNoSense_AreRefused(string from, string to, string expected)
    {
        var options = new CopyStorageOptions { From = from, To = to };

        string errors = string.Join('\n', options.Validate(new System.ComponentModel.DataAnnotations.ValidationContext(options)));

        StringAssert.Contains(errors, expected);
    }

    [TestMethod]
    public async Task Command_WithoutTheDatabase_SaysSo_AndMakesNone()
    {
        var options = new CopyStorageOptions { From = $"sqlite:{_folder["nowhere"]}", To = $"sqlite:{_folder["target"]}" };

        Assert.AreEqual(1, await CopyStorageCommand.RunAsync(options, Cancelled));
        Assert.IsFalse(Directory.Exists(_folder["nowhere"]) || Directory.Exists(_folder["target"]));
    }

    private SqliteObjectStore Sqlite(string name) => new(new SqliteStoreOptions { Path = _folder[$"{name}.db"] }, TimeProvider.System);

    // Answers the target's revision.
    private async Task<long> CopyAsync(IObjectStore source, IObjectStore target, TextWriter report)
    {
        await new StorageCopy(source, target, report).RunAsync(Cancelled);
        return await target.GetRevisionAsync(Cancelled);
    }

    private async Task<string> DumpAsync(IObjectStore store)
    {
        StoredList list = await store.ListAsync(new ListRequest { Prefix = "/" }, Cancelled);
        return string.Join('\n', list.Objects.Select(o => $"{o.Key} {Convert.ToHexString(o.Value.Span)}"));
    }
}
