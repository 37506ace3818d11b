using System.Text.Json;
using System.Text.Json.Nodes;
using AiModels.Contracts.V1Alpha1;
using AiModels.Hosting.Kubernetes;
using AiModels.NodeAgent.Cache;

namespace AiModels.NodeAgent.Reporting;

/// <summary>
/// Keeps the NodeModelCache of this node: written when something has changed, at most every ten seconds, and every ten minutes as a sign of life. It belongs to the Node
/// object and goes with it.
/// </summary>
internal sealed partial class CacheReporter(NodeCache cache, IKubernetesClient client, ServeOptions options, TimeProvider time, ILogger<CacheReporter> logger)
    : PeriodicLook(TimeSpan.Zero, Interval, time, logger)
{
    // A thousand nodes that all fetch make 100 small writes a second.
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan SignOfLife = TimeSpan.FromMinutes(10);

    private const string FieldManager = "ai-models-nodeagent";

    private string? _written;
    private DateTimeOffset _writtenAt;
    private readonly LastProblem _problem = new();
    private bool _isOwned;

    /// <summary>Writes what has changed since the last time. Troubles are logged and met by the next look.</summary>
    public override async Task LookAsync(CancellationToken cancellationToken)
    {
        NodeModelCacheStatus status = CacheReport.Of(cache.Status());
        string content = JsonSerializer.Serialize(status, ContractsJson.Options);
        if (content == _written && Time.GetUtcNow() - _writtenAt < SignOfLife)
        {
            return;
        }

        try
        {
            await WriteAsync(status with { UpdatedTime = Time.GetUtcNow() }, cancellationToken);
            (_written, _writtenAt) = (content, Time.GetUtcNow());
            _problem.Forget();
        }
        catch (Exception e) when (e is KubernetesApiException or HttpRequestException)
        {
            Note(e.Message);
        }
    }

    private async Task WriteAsync(NodeModelCacheStatus status, CancellationToken cancellationToken)
    {
        // Until the Node is there to own it: an agent may be faster than kubelet's registration.
        if (!_isOwned || !await TryWriteStatusAsync(status, cancellationToken))
        {
            await ApplyAsync(await ObjectAsync(cancellationToken), subresource: null, cancellationToken);
            await TryWriteStatusAsync(status, cancellationToken);
        }
    }

    /// <summary>False when there is no such object: somebody removed it.</summary>
    private async Task<bool> TryWriteStatusAsync(NodeModelCacheStatus status, CancellationToken cancellationToken)
    {
        JsonObject body = Named();
        body["status"] = JsonSerializer.SerializeToNode(status, ContractsJson.Options);
        try
        {
            await ApplyAsync(body, "status", cancellationToken);
            return true;
        }
        catch (KubernetesApiException e) when (e.StatusCode == 404)
        {
            return false;
        }
    }

    private async Task<JsonObject> ObjectAsync(CancellationToken cancellationToken)
    {
        JsonObject body = Named();
        JsonObject? node = await client.GetAsync(ResourceTypes.Nodes, null, options.NodeName, cancellationToken);
        if ((string?)node?["metadata"]?["uid"] is { } uid)
        {
            _isOwned = true;
            body["metadata"]!["ownerReferences"] = new JsonArray(new JsonObject
            {
                ["apiVersion"] = ResourceTypes.Nodes.ApiVersion,
                ["kind"] = ResourceTypes.Nodes.Kind,
                ["name"] = options.NodeName,
                ["uid"] = uid,
            });
        }

        return body;
    }

    private JsonObject Named() => new()
    {
        ["apiVersion"] = GroupVersion.ApiVersion,
        ["kind"] = GroupVersion.NodeModelCacheKind,
        ["metadata"] = new JsonObject { ["name"] = options.NodeName },
    };

    private Task<JsonObject> ApplyAsync(JsonObject body, string? subresource, CancellationToken cancellationToken) => client.PatchAsync(
        ResourceTypes.NodeModelCaches, null, options.NodeName, KubernetesPatch.Apply, body, subresource, FieldManager, cancellationToken);

    /// <summary>Says a trouble once, not every ten seconds.</summary>
    private void Note(string problem)
    {
        if (_problem.IsNews(problem))
        {
            Log.NotReported(Logger, options.NodeName, problem);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(50, LogLevel.Warning, "NodeModelCache {Name} could not be written: {Reason}")]
        public static partial void NotReported(ILogger logger, string name, string reason);
    }
}
