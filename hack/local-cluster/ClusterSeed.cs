using System.Text.Json.Nodes;
using AiModels.Contracts.V1Alpha1;
using AiModels.Contracts.WellKnown;
using AiModels.Hosting.Kubernetes;
using AiModels.LocalCluster.Housekeeping;
using AiModels.LocalCluster.Node;

namespace AiModels.LocalCluster;

/// <summary>What a new cluster has from the start. Objects that are there already stay as they are; the node's state is written anew.</summary>
internal sealed class ClusterSeed(IKubernetesClient client, LocalClusterOptions options, ClusterPaths paths, TimeProvider time)
{
    private static readonly ResourceType ApiServices = new("apiregistration.k8s.io", "v1", "apiservices", "APIService", false);

    public async Task PlantAsync(CancellationToken cancellationToken)
    {
        await Task.WhenAll(new[] { "default", "kube-system", "kube-public", Namespaces.Module, Namespaces.System }
            .Select(n => EnsureAsync(ResourceTypes.Namespaces, Object("v1", "Namespace", n), cancellationToken)));
        await EnsureAsync(ResourceTypes.ConfigMaps, Trust(), cancellationToken);
        await Task.WhenAll(
            EnsureAsync(ResourceTypes.StorageClasses, StorageClass(), cancellationToken),
            EnsureAsync(ResourceTypes.CsiDrivers, CsiDriver(), cancellationToken),
            EnsureAsync(ApiServices, ApiService(), cancellationToken),
            EnsureNodeAsync(cancellationToken));
    }

    private async Task EnsureNodeAsync(CancellationToken cancellationToken)
    {
        JsonObject node = Object("v1", "Node", Kubelet.NodeName);
        node["metadata"]!["labels"] = new JsonObject
        {
            ["kubernetes.io/hostname"] = Kubelet.NodeName,
            ["kubernetes.io/os"] = "linux",
            ["node-role.kubernetes.io/worker"] = "",
            [Labels.NodeCache] = "true",
        };
        await EnsureAsync(ResourceTypes.Nodes, node, cancellationToken);
        JsonObject resources = new() { ["cpu"] = Environment.ProcessorCount, ["memory"] = $"{GC.GetGCMemoryInfo().TotalAvailableMemoryBytes >> 20}Mi", ["pods"] = 110 };
        var status = new JsonObject
        {
            ["capacity"] = resources,
            ["allocatable"] = resources.DeepClone(),
            ["addresses"] = new JsonArray(new JsonObject { ["type"] = "InternalIP", ["address"] = "127.0.0.1" }, new JsonObject { ["type"] = "Hostname", ["address"] = Kubelet.NodeName }),
            ["nodeInfo"] = new JsonObject { ["kubeletVersion"] = "local-cluster", ["operatingSystem"] = "linux", ["containerRuntimeVersion"] = "none" },
            ["conditions"] = new JsonArray(new JsonObject
            {
                ["type"] = "Ready",
                ["status"] = "True",
                ["reason"] = "KubeletReady",
                ["message"] = "volumes are published; only our own programs run",
                ["lastTransitionTime"] = time.Timestamp(),
            }),
        };
        await client.PatchAsync(ResourceTypes.Nodes, null, Kubelet.NodeName, KubernetesPatch.Merge, new JsonObject { ["status"] = status }, "status", "local-cluster", cancellationToken);
    }

    private async Task EnsureAsync(ResourceType type, JsonObject obj, CancellationToken cancellationToken)
    {
        if (await client.GetAsync(type, obj.Namespace(), obj.Name(), cancellationToken) != null) return;
        await client.CreateAsync(type, obj, "local-cluster", cancellationToken);
    }

    private static JsonObject StorageClass()
    {
        JsonObject storageClass = Object("storage.k8s.io/v1", "StorageClass", ClaimReconciler.StorageClass);
        storageClass["metadata"]!["annotations"] = new JsonObject { ["storageclass.kubernetes.io/is-default-class"] = "true" };
        storageClass["provisioner"] = "local-cluster";
        return storageClass;
    }

    private static JsonObject CsiDriver()
    {
        JsonObject driver = Object("storage.k8s.io/v1", "CSIDriver", CsiAttributes.Driver);
        driver["spec"] = new JsonObject { ["attachRequired"] = false, ["podInfoOnMount"] = true, ["volumeLifecycleModes"] = new JsonArray("Ephemeral") };
        return driver;
    }

    private JsonObject ApiService()
    {
        JsonObject service = Object("apiregistration.k8s.io/v1", "APIService", $"{GroupVersion.Version}.{GroupVersion.Group}");
        service["spec"] = new JsonObject
        {
            ["group"] = GroupVersion.Group,
            ["version"] = GroupVersion.Version,
            ["groupPriorityMinimum"] = 1000,
            ["versionPriority"] = 15,
            ["service"] = new JsonObject { ["namespace"] = Namespaces.Module, ["name"] = "ai-models-apiserver", ["port"] = options.Port + 1 },
        };
        return service;
    }

    /// <summary>Whom extension servers are to believe; kube-apiserver keeps it like this (ConfigMap extension-apiserver-authentication).</summary>
    private JsonObject Trust()
    {
        JsonObject trust = Object("v1", "ConfigMap", "extension-apiserver-authentication");
        trust["metadata"]!["namespace"] = "kube-system";
        trust["data"] = new JsonObject
        {
            ["client-ca-file"] = File.ReadAllText(Path.Combine(paths.Pki, "ca.crt")),
            ["requestheader-client-ca-file"] = File.ReadAllText(Path.Combine(paths.Pki, "front-proxy-ca.crt")),
            ["requestheader-allowed-names"] = """["front-proxy-client"]""",
            ["requestheader-username-headers"] = """["X-Remote-User"]""",
            ["requestheader-uid-headers"] = """["X-Remote-Uid"]""",
            ["requestheader-group-headers"] = """["X-Remote-Group"]""",
            ["requestheader-extra-headers-prefix"] = """["X-Remote-Extra-"]""",
        };
        return trust;
    }

    private static JsonObject Object(string apiVersion, string kind, string name) =>
        new() { ["apiVersion"] = apiVersion, ["kind"] = kind, ["metadata"] = new JsonObject { ["name"] = name } };
}
