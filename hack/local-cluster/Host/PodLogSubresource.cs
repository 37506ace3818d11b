using AiModels.ApiMachinery.Errors;
using AiModels.ApiMachinery.Resources;
using AiModels.ApiMachinery.Schemas;

namespace AiModels.LocalCluster.Host;

/// <summary>pods/log: kubectl logs, for containers that really run.</summary>
internal sealed class PodLogSubresource(ClusterPaths paths, TimeProvider time) : ISubresource
{
    private static readonly TimeSpan FollowPeriod = TimeSpan.FromMilliseconds(300);

    public string Name => "log";
    public string Kind => "Pod";
    public Schema Schema { get; } = Schema.Anything();
    public IReadOnlyList<string> Verbs { get; } = ["get"];
    public IReadOnlyList<string> LongRunningVerbs { get; } = ["get"];

    public async Task HandleAsync(SubresourceRequest request, CancellationToken cancellationToken)
    {
        string[] containers = [.. request.Parent.Items("spec.containers").Select(c => (string?)c["name"] ?? "")];
        string container = request.Http.Request.Query["container"].ToString() is { Length: > 0 } asked ? asked : containers.FirstOrDefault() ?? "";
        if (!containers.Contains(container)) throw ApiError.BadRequest($"container {container} is not valid for pod {request.Name}");
        request.Http.Response.ContentType = "text/plain";
        string file = paths.ContainerLog(request.Parent.Uid(), container);
        if (!File.Exists(file))
        {
            await request.Http.Response.WriteAsync("This container does not run here: local-cluster publishes its volumes only.\n", cancellationToken);
            return;
        }

        await using var log = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        bool follow = request.Http.Request.Query["follow"] == "true" && (string?)request.Parent.At("status.phase") is not ("Succeeded" or "Failed");
        do
        {
            await log.CopyToAsync(request.Http.Response.Body, cancellationToken);
            await request.Http.Response.Body.FlushAsync(cancellationToken);
            if (follow) await Task.Delay(FollowPeriod, time, cancellationToken);
        }
        while (follow);
    }
}
