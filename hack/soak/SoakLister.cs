using System.Collections.Concurrent;
using System.Text.Json.Nodes;

namespace AiModels.Soak;

/// <summary>Asks two replicas for the same list while everything changes: the second is never behind the first, and the same revision is the same list.</summary>
internal sealed class SoakLister(SoakApi api, ConcurrentQueue<string> failures)
{
    public int Compared { get; private set; }

    public async Task RunAsync(CancellationToken until)
    {
        while (!until.IsCancellationRequested)
        {
            try
            {
                await CompareAsync(until);
                await Task.Delay(TimeSpan.FromMilliseconds(200), TimeProvider.System, until);
            }
            catch (Exception gone) when (gone is HttpRequestException or IOException or OperationCanceledException)
            {
                // Killed meanwhile, or the end.
            }
        }
    }

    /// <summary>A list as text: names with their revisions.</summary>
    public static string TextOf(JsonObject list) =>
        string.Join(' ', list["items"]!.AsArray().Select(item => $"{item!["metadata"]!["name"]}@{item["metadata"]!["resourceVersion"]}"));

    private async Task CompareAsync(CancellationToken cancellationToken)
    {
        (int code, JsonObject first) = await api.SendAsync(api.Any(), HttpMethod.Get, SoakApi.Collection, null, cancellationToken);
        (int nextCode, JsonObject next) = await api.SendAsync(api.Any(), HttpMethod.Get, SoakApi.Collection, null, cancellationToken);
        if (code != 200 || nextCode != 200)
        {
            return;
        }

        if (Change.RevisionOf(next) < Change.RevisionOf(first))
        {
            failures.Enqueue($"a list at revision {Change.RevisionOf(next)} was answered after one at {Change.RevisionOf(first)}");
        }

        string path = $"{SoakApi.Collection}?resourceVersion={Change.RevisionOf(first)}&resourceVersionMatch=Exact";
        (int thenCode, JsonObject then) = await api.SendAsync(api.Any(), HttpMethod.Get, path, null, cancellationToken);
        if (thenCode == 200)
        {
            Compared++;
            if (TextOf(then) != TextOf(first))
            {
                failures.Enqueue($"two lists at revision {Change.RevisionOf(first)} differ:\n{TextOf(first)}\n{TextOf(then)}");
            }
        }
    }
}
