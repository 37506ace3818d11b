using System.Diagnostics;
using System.Text.Json.Nodes;
using AiModels.Contracts.V1Alpha1;
using AiModels.Contracts.WellKnown;
using AiModels.CsiDriver;
using AiModels.CsiDriver.Protos;
using AiModels.Hosting.Grpc;
using AiModels.Hosting.Kubernetes;

namespace AiModels.Bench;

/// <summary>
/// A node's cache as kubelet sees it: twenty Pods on one node ask for one model at once, through the CSI driver. Prints the seconds until all have it ("cold"), then the
/// median and the 99th percentile of publishing it when it is there, in milliseconds ("warm").
/// </summary>
internal static class NodeCacheFill
{
    public const string NodeName = "bench-node";

    private const int Pods = 20;
    private const int WarmRounds = 25; // 500 publishes: the 99th percentile is the fifth from the top

    public static async Task RunAsync(string kubeconfig, string name, string csiSocket, string targets, CancellationToken cancellationToken)
    {
        using var cluster = new Cluster(kubeconfig);
        JsonObject model = await cluster.Client.GetAsync(Cluster.Models, Cluster.Namespace, name, cancellationToken) ?? throw new InvalidOperationException($"There is no model {name}.");
        string digest = (string)model["status"]!["artifact"]!["digest"]!;
        NodePublishVolumeRequest[] requests = await Task.WhenAll(Enumerable.Range(0, Pods).Select(i => PodAsync(cluster, $"{name}-{Environment.ProcessId}-{i}", name, digest, targets, cancellationToken)));
        using var channel = GrpcChannel.ForUnixSocket(csiSocket, TimeProvider.System);

        long start = Stopwatch.GetTimestamp();
        await Task.WhenAll(requests.Select(request => PublishAsync(channel, request, cancellationToken)));
        double cold = Stopwatch.GetElapsedTime(start).TotalSeconds;

        var warm = new List<double>();
        for (int round = 0; round < WarmRounds; round++)
        {
            foreach (NodePublishVolumeRequest request in requests)
            {
                await UnpublishAsync(channel, request, cancellationToken);
                start = Stopwatch.GetTimestamp();
                await PublishAsync(channel, request, cancellationToken);
                warm.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
            }
        }

        await Task.WhenAll(requests.Select(request => UnpublishAsync(channel, request, cancellationToken)));
        warm.Sort();
        Console.WriteLine($"{cold:0.000} {warm[warm.Count / 2]:0.00} {warm[warm.Count * 99 / 100]:0.00}");
    }

    /// <summary>A Pod that is on the node, with the volume that delivery writes; the stand-in cluster has no kubelet there that would run it.</summary>
    private static async Task<NodePublishVolumeRequest> PodAsync(
        Cluster cluster, string podName, string model, string digest, string targets, CancellationToken cancellationToken)
    {
        var attributes = new Dictionary<string, string>
        {
            [CsiAttributes.ModelKind] = GroupVersion.ModelKind,
            [CsiAttributes.ModelName] = model,
            [CsiAttributes.Digest] = digest,
        };
        JsonObject pod = await cluster.Client.CreateAsync(ResourceTypes.Pods, new JsonObject
        {
            ["apiVersion"] = "v1",
            ["kind"] = "Pod",
            ["metadata"] = new JsonObject { ["name"] = podName, ["namespace"] = Cluster.Namespace },
            ["spec"] = new JsonObject
            {
                ["nodeName"] = NodeName,
                ["containers"] = new JsonArray(new JsonObject { ["name"] = "server", ["image"] = "none" }),
                ["volumes"] = new JsonArray(new JsonObject
                {
                    ["name"] = "model",
                    ["csi"] = new JsonObject
                    {
                        ["driver"] = CsiAttributes.Driver,
                        ["readOnly"] = true,
                        ["volumeAttributes"] = new JsonObject(attributes.Select(attribute => KeyValuePair.Create(attribute.Key, (JsonNode?)attribute.Value))),
                    },
                }),
            },
        }, null, cancellationToken);
        return new NodePublishVolumeRequest
        {
            VolumeId = "csi-" + podName,
            TargetPath = Path.Combine(targets, podName, "mount"),
            Readonly = true,
            VolumeCapability = new VolumeCapability { Mount = new(), AccessMode = new() { Mode = VolumeCapability.Types.AccessMode.Types.Mode.SingleNodeWriter } },
            VolumeContext =
            {
                attributes,
                { CsiAttributes.PodNamespace, Cluster.Namespace },
                { CsiAttributes.PodName, podName },
                { CsiAttributes.PodUid, (string)pod["metadata"]!["uid"]! },
                { CsiAttributes.Ephemeral, "true" },
            },
        };
    }

    /// <summary>As kubelet does: again while the model is being fetched.</summary>
    private static async Task PublishAsync(GrpcChannel channel, NodePublishVolumeRequest request, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                await channel.CallAsync(CsiMethods.NodePublishVolume, request, TimeSpan.FromMinutes(2), cancellationToken);
                return;
            }
            catch (RpcException e) when (e.Code == RpcCode.Unavailable && e.Message.Contains("is being fetched", StringComparison.Ordinal))
            {
                // The call itself waited ten seconds.
            }
        }
    }

    private static Task UnpublishAsync(GrpcChannel channel, NodePublishVolumeRequest request, CancellationToken cancellationToken) => channel.CallAsync(
        CsiMethods.NodeUnpublishVolume, new NodeUnpublishVolumeRequest { VolumeId = request.VolumeId, TargetPath = request.TargetPath }, TimeSpan.FromMinutes(2), cancellationToken);
}
