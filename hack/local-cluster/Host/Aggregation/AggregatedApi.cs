using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Discovery;
using AiModels.Contracts.V1Alpha1;

namespace AiModels.LocalCluster.Host.Aggregation;

/// <summary>The AI Models API server behind the host: its discovery and OpenAPI, merged into the host's own. Nothing while it does not answer.</summary>
internal sealed class AggregatedApi(AggregationClient client, TimeProvider time, ILogger<AggregatedApi> logger) : IAggregatedApis, IDisposable
{
    // kubectl asks once a command; a server that comes or goes is seen this much later.
    private static readonly TimeSpan Fresh = TimeSpan.FromSeconds(2);
    private readonly SemaphoreSlim _turn = new(1);
    private IReadOnlyList<JsonObject> _groups = [];
    private JsonObject _paths = [];
    private long _asked = long.MinValue;

    public async ValueTask<IReadOnlyList<JsonObject>> GetGroupsAsync(CancellationToken cancellationToken)
    {
        await RefreshAsync(cancellationToken);
        return _groups;
    }

    public async ValueTask<JsonObject> GetOpenApiPathsAsync(CancellationToken cancellationToken)
    {
        await RefreshAsync(cancellationToken);
        return _paths;
    }

    public void Dispose() => _turn.Dispose();

    private async Task RefreshAsync(CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken);
        try
        {
            if (_asked != long.MinValue && _groups.Count > 0 && time.GetElapsedTime(_asked) < Fresh) return;
            JsonObject groups = await client.GetJsonAsync("/apis", "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList", cancellationToken);
            JsonObject index = await client.GetJsonAsync("/openapi/v3", "application/json", cancellationToken);
            _groups = [.. groups.Items("items").Where(g => g.Name() == GroupVersion.Group).Select(g => g.DeepClone().AsObject())];
            _paths = new JsonObject((index["paths"] as JsonObject ?? [])
                .Where(p => p.Key == "apis/" + GroupVersion.Group || p.Key.StartsWith($"apis/{GroupVersion.Group}/", StringComparison.Ordinal))
                .Select(p => KeyValuePair.Create(p.Key, p.Value?.DeepClone())));
            _asked = time.GetTimestamp();
        }
        catch (Exception e) when (e is HttpRequestException or System.Text.Json.JsonException)
        {
            if (_groups.Count > 0) logger.LogWarning("The AI Models API server does not answer: {Reason}", e.Message);
            (_groups, _paths) = ([], []);
        }
        finally
        {
            _turn.Release();
        }
    }
}
