using System.Text.Json.Nodes;

namespace AiModels.Bench;

/// <summary>Fills an API server with Models of about 3 KiB, named <c>model-0</c> and so on: what the other measurements read and change.</summary>
internal static class ApiFill
{
    public static async Task RunAsync(Uri server, string token, int count, CancellationToken cancellationToken)
    {
        using var connections = new ApiConnections(server, token, 4);
        await Parallel.ForEachAsync(
            Enumerable.Range(0, count), new ParallelOptions { MaxDegreeOfParallelism = 32, CancellationToken = cancellationToken },
            async (i, stop) => await connections.SendAsync(i, HttpMethod.Post, ApiConnections.Collection, Document(i), "application/json", stop));
    }

    private static string Document(int i)
    {
        JsonObject model = Cluster.UploadModel($"model-{i}");
        model["metadata"]!["annotations"] = new JsonObject { ["description"] = new string('x', 2400) };
        return model.ToJsonString();
    }
}
