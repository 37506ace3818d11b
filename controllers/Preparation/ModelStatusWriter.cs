using System.Collections.Concurrent;
using System.Text.Json;
using System.Text.Json.Nodes;
using AiModels.Contracts.V1Alpha1;
using AiModels.Hosting.Kubernetes;

namespace AiModels.Controllers.Preparation;

/// <summary>
/// Writes /status, and only when it says something new. A change of the progress alone is written at most once a second for each model.
/// </summary>
internal sealed class ModelStatusWriter(IKubernetesClient client, TimeProvider time)
{
    private static readonly TimeSpan ProgressInterval = TimeSpan.FromSeconds(1);

    // By UID: when the last write was. Lost with the process, which costs one early write.
    private readonly ConcurrentDictionary<string, long> _writtenAt = [];

    /// <summary>Returns how long to wait before the rest may be written; null when nothing is left to write.</summary>
    public async Task<TimeSpan?> WriteAsync(ModelObject model, ModelStatus status, CancellationToken cancellationToken)
    {
        JsonNode? known = JsonSerializer.SerializeToNode(model.Status, ContractsJson.Options);
        JsonNode? wanted = JsonSerializer.SerializeToNode(status, ContractsJson.Options);
        if (JsonNode.DeepEquals(known, wanted))
        {
            return null;
        }

        bool isOnlyProgress = JsonNode.DeepEquals(known, JsonSerializer.SerializeToNode(status with { Progress = model.Status.Progress }, ContractsJson.Options));
        if (isOnlyProgress && _writtenAt.TryGetValue(model.Uid, out long writtenAt) && ProgressInterval - time.GetElapsedTime(writtenAt) is { Ticks: > 0 } wait)
        {
            return wait;
        }

        var document = (JsonObject)model.Document.DeepClone();
        document["status"] = wanted;
        await client.UpdateAsync(model.Key.Type, document, "status", cancellationToken);
        _writtenAt[model.Uid] = time.GetTimestamp();
        return null;
    }

    /// <summary>The model is gone.</summary>
    public void Forget(string uid) => _writtenAt.TryRemove(uid, out _);
}
