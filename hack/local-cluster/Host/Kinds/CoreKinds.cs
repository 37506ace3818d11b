using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Resources;
using AiModels.ApiMachinery.Tables;
using AiModels.LocalCluster.Host.Strategies;
using static AiModels.LocalCluster.Host.Kinds.Shape;

namespace AiModels.LocalCluster.Host.Kinds;

/// <summary>The core group, v1.</summary>
internal static class CoreKinds
{
    public static IReadOnlyList<ResourceDefinition> All { get; } =
    [
        Define.Cluster("", "v1", "Namespace", "namespaces",
            Kind("Namespace provides a scope for names.", ("spec", Object(("finalizers", List(Text)))), ("status", Object(("phase", Text), ("conditions", Conditions)))),
            Column.Text("Status", "status.phase")) with { ShortNames = ["ns"], SelectableFields = ["status.phase"], Strategy = new NamespaceStrategy() },

        Define.Namespaced("", "v1", "Pod", "pods",
            Kind("Pod is a collection of containers that run on one node.", ("spec", PodShape.Spec), ("status", PodShape.Status)),
            Column.Of("Ready", "Ready containers of all.", PodColumns.Ready),
            Column.Of("Status", "State of the Pod in one word.", PodColumns.Status),
            Column.Of("Restarts", "Restarts of its containers.", _ => "0"),
            Column.Text("IP", "status.podIP", Column.Wide),
            Column.Text("Node", "spec.nodeName", Column.Wide),
            Column.Of("Readiness Gates", "What else must be true.", _ => "<none>", Column.Wide)) with
        {
            ShortNames = ["po"], Categories = ["all"],
            SelectableFields = ["spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "status.phase", "status.podIP"],
            Strategy = new PodStrategy(),
            Subresources = [],
        },

        Define.Namespaced("", "v1", "PodTemplate", "podtemplates", Kind("PodTemplate describes a Pod that somebody makes from it.", ("template", PodShape.Template))),

        Define.Namespaced("", "v1", "Service", "services",
            Kind("Service is a named abstraction of software service.",
                ("spec", Object(
                    ("ports", ListMap(Object(("name", Text), ("port", Number32), ("protocol", Text.WithDefault("TCP")), ("targetPort", Quantity)), "port", "protocol")),
                    ("selector", TextMap with { MapType = "atomic" }), ("type", Text.WithDefault("ClusterIP")), ("clusterIP", Text))),
                ("status", Free)),
            Column.Text("Type", "spec.type"),
            Column.Text("Cluster-IP", "spec.clusterIP"),
            Column.Text("External-IP", "spec.externalName"),
            Column.Of("Port(s)", "Ports and protocols.", o => Column.At(o, "spec.ports") is JsonArray { Count: > 0 } ports ? string.Join(',', ports.Select(p => $"{p?["port"]}/{p?["protocol"]}")) : "<none>"))
            with { ShortNames = ["svc"], Categories = ["all"] },

        Define.Namespaced("", "v1", "Endpoints", "endpoints", Kind("Endpoints is the addresses that implement a Service.", ("subsets", List(Free))),
            Column.Of("Endpoints", "Addresses.", o => Column.Count(o, "subsets") == 0 ? "<none>" : "…")) with { ShortNames = ["ep"] },

        Define.Namespaced("", "v1", "ConfigMap", "configmaps",
            Kind("ConfigMap holds configuration data for Pods to consume.", ("data", TextMap), ("binaryData", TextMap), ("immutable", Flag)),
            Column.Of("Data", "Number of entries.", o => Number(Column.Count(o, "data") + Column.Count(o, "binaryData")))) with { ShortNames = ["cm"] },

        Define.Namespaced("", "v1", "Secret", "secrets",
            Kind("Secret holds secret data of a certain type.", ("data", TextMap), ("stringData", TextMap), ("type", Text.WithDefault("Opaque")), ("immutable", Flag)),
            Column.Text("Type", "type"),
            Column.Of("Data", "Number of entries.", o => Number(Column.Count(o, "data")))) with { SelectableFields = ["type"], Strategy = new SecretStrategy() },

        Define.Namespaced("", "v1", "ServiceAccount", "serviceaccounts",
            Kind("ServiceAccount binds together a name and its credentials.", ("secrets", ListMap(Free, "name")), ("imagePullSecrets", List(Free)), ("automountServiceAccountToken", Flag)),
            Column.Of("Secrets", "Number of secrets.", o => Number(Column.Count(o, "secrets")))) with { ShortNames = ["sa"] },

        EventsOf("", "v1"),

        Define.Namespaced("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims",
            Kind("PersistentVolumeClaim is a user's request for a persistent volume.",
                ("spec", Object(
                    ("accessModes", List(Text)), ("resources", Object(("requests", Map(Quantity)), ("limits", Map(Quantity)))),
                    ("storageClassName", Text), ("volumeName", Text), ("volumeMode", Text.WithDefault("Filesystem")))),
                ("status", Object(("phase", Text), ("accessModes", List(Text)), ("capacity", Map(Quantity)), ("conditions", Conditions)))),
            Column.Text("Status", "status.phase"),
            Column.Text("Volume", "spec.volumeName", missing: ""),
            Column.Text("Capacity", "status.capacity.storage", missing: ""),
            Column.Of("Access Modes", "RWO, RWX …", o => Short(Column.At(o, "status.accessModes"))),
            Column.Text("StorageClass", "spec.storageClassName", missing: ""),
            Column.Text("VolumeAttributesClass", "spec.volumeAttributesClassName", missing: "<unset>")) with { ShortNames = ["pvc"], Strategy = new PhaseStrategy("Pending") },

        Define.Cluster("", "v1", "PersistentVolume", "persistentvolumes",
            Kind("PersistentVolume is a piece of storage of the cluster.",
                ("spec", Object(("accessModes", List(Text)), ("capacity", Map(Quantity)), ("claimRef", Free), ("persistentVolumeReclaimPolicy", Text.WithDefault("Retain")), ("storageClassName", Text))),
                ("status", Object(("phase", Text)))),
            Column.Text("Capacity", "spec.capacity.storage", missing: ""),
            Column.Of("Access Modes", "RWO, RWX …", o => Short(Column.At(o, "spec.accessModes"))),
            Column.Text("Reclaim Policy", "spec.persistentVolumeReclaimPolicy"),
            Column.Text("Status", "status.phase"),
            Column.Of("Claim", "Who uses it.", o => Column.At(o, "spec.claimRef.name") is { } name ? $"{Column.At(o, "spec.claimRef.namespace")}/{name}" : ""),
            Column.Text("StorageClass", "spec.storageClassName", missing: "")) with { ShortNames = ["pv"], Strategy = new PhaseStrategy("Available") },

        Define.Cluster("", "v1", "Node", "nodes",
            Kind("Node is a worker of the cluster.",
                ("spec", Object(("taints", List(Free)), ("unschedulable", Flag))),
                ("status", Object(("conditions", Conditions), ("addresses", ListMap(Free, "type")), ("capacity", Map(Quantity)), ("allocatable", Map(Quantity)), ("nodeInfo", Free)))),
            Column.Of("Status", "Ready or not.", o => Condition(o, "Ready") == "True" ? "Ready" : "NotReady"),
            Column.Of("Roles", "From the role labels.", o => Roles(o)),
            Column.Text("Version", "status.nodeInfo.kubeletVersion", missing: "")) with { ShortNames = ["no"], SelectableFields = ["spec.unschedulable"] },

        Define.Namespaced("", "v1", "ReplicationController", "replicationcontrollers", Kind("ReplicationController is the predecessor of ReplicaSet.", ("spec", Free), ("status", Free))) with { ShortNames = ["rc"], Categories = ["all"] },
        Define.Namespaced("", "v1", "ResourceQuota", "resourcequotas", Kind("ResourceQuota limits the resources of a namespace.", ("spec", Free), ("status", Free))) with { ShortNames = ["quota"] },
        Define.Namespaced("", "v1", "LimitRange", "limitranges", Kind("LimitRange limits the resources of each kind in a namespace.", ("spec", Free))) with { ShortNames = ["limits"] },
    ];

    /// <summary>Events are served in the core group and in events.k8s.io.</summary>
    public static ResourceDefinition EventsOf(string group, string version) =>
        Define.Namespaced(group, version, "Event", "events",
            Kind("Event is a report of something that happened.",
                ("involvedObject", Free), ("regarding", Free), ("reason", Text), ("message", Text), ("note", Text), ("type", Text), ("count", Number32), ("source", Free),
                ("firstTimestamp", Time), ("lastTimestamp", Time), ("eventTime", MicroTime), ("reportingComponent", Text), ("reportingInstance", Text))) with
        {
            ShortNames = ["ev"],
            HasNameColumn = false, // as upstream: a name made of digits says nothing
            Columns =
            [
                new TableColumn("Last Seen", "string", "When it happened last.", (o, now) => HumanDuration.Since(o["lastTimestamp"] ?? o["eventTime"] ?? o["metadata"]?["creationTimestamp"], now)),
                Column.Text("Type", "type"),
                Column.Text("Reason", "reason"),
                Column.Of("Object", "What it is about.", o => $"{Column.At(o, "involvedObject.kind") ?? Column.At(o, "regarding.kind")}/{Column.At(o, "involvedObject.name") ?? Column.At(o, "regarding.name")}".ToLowerInvariant()),
                Column.Of("Message", "What happened.", o => (string?)o["message"] ?? (string?)o["note"] ?? ""),
                Column.Text("Name", "metadata.name", Column.Wide),
            ],
            SelectableFields = ["involvedObject.kind", "involvedObject.namespace", "involvedObject.name", "involvedObject.uid", "involvedObject.apiVersion", "reason", "type", "reportingComponent"],
        };

    private static string Number(int value) => value.ToString(System.Globalization.CultureInfo.InvariantCulture);

    private static string? Condition(JsonObject o, string type) =>
        (string?)(Column.At(o, "status.conditions") as JsonArray)?.FirstOrDefault(c => (string?)c?["type"] == type)?["status"];

    private static string Roles(JsonObject o)
    {
        const string prefix = "node-role.kubernetes.io/";
        string[] roles = [.. (o["metadata"]?["labels"] as JsonObject ?? []).Where(l => l.Key.StartsWith(prefix, StringComparison.Ordinal)).Select(l => l.Key[prefix.Length..])];
        return roles.Length > 0 ? string.Join(',', roles) : "<none>";
    }

    private static string Short(JsonNode? modes) => modes is JsonArray list
        ? string.Join(',', list.Select(m => (string?)m switch { "ReadWriteOnce" => "RWO", "ReadOnlyMany" => "ROX", "ReadWriteMany" => "RWX", "ReadWriteOncePod" => "RWOP", var other => other }))
        : "";
}
