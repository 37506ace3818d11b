using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Resources;
using AiModels.ApiMachinery.Schemas;
using static AiModels.LocalCluster.Host.Kinds.Shape;

namespace AiModels.LocalCluster.Host.Kinds;

/// <summary>The smaller groups: access control, storage, coordination, registration, Events.</summary>
internal static class ClusterKinds
{
    private const string Rbac = "rbac.authorization.k8s.io";
    private const string Storage = "storage.k8s.io";
    private const string Admission = "admissionregistration.k8s.io";

    private static readonly Schema Rules = List(Free);

    // As upstream: a list-map by name, so that several managers can each own their webhooks.
    private static readonly Schema Webhooks = ListMap(Object(("name", Text), ("clientConfig", Free), ("rules", List(Free)), ("failurePolicy", Text.WithDefault("Fail"))), "name");

    public static IReadOnlyList<ResourceDefinition> All { get; } =
    [
        Define.Namespaced(Rbac, "v1", "Role", "roles", Kind("Role is a set of rules of one namespace.", ("rules", Rules))),
        Define.Namespaced(Rbac, "v1", "RoleBinding", "rolebindings", Kind("RoleBinding gives a role to subjects.", ("roleRef", Free), ("subjects", List(Free))),
            Column.Of("Role", "The role that is given.", RoleReference)),
        Define.Cluster(Rbac, "v1", "ClusterRole", "clusterroles", Kind("ClusterRole is a set of rules.", ("rules", Rules), ("aggregationRule", Free))),
        Define.Cluster(Rbac, "v1", "ClusterRoleBinding", "clusterrolebindings", Kind("ClusterRoleBinding gives a cluster role to subjects.", ("roleRef", Free), ("subjects", List(Free))),
            Column.Of("Role", "The role that is given.", RoleReference)),

        Define.Cluster(Storage, "v1", "StorageClass", "storageclasses",
            Kind("StorageClass describes the parameters of a class of storage.",
                ("provisioner", Text), ("reclaimPolicy", Text.WithDefault("Delete")), ("volumeBindingMode", Text.WithDefault("Immediate")), ("allowVolumeExpansion", Flag), ("parameters", TextMap)),
            Column.Text("Provisioner", "provisioner"),
            Column.Text("ReclaimPolicy", "reclaimPolicy"),
            Column.Text("VolumeBindingMode", "volumeBindingMode"),
            Column.Of("AllowVolumeExpansion", "Whether claims may grow.", o => (bool?)o["allowVolumeExpansion"] == true ? "true" : "false")) with { ShortNames = ["sc"] },
        Define.Cluster(Storage, "v1", "CSIDriver", "csidrivers",
            Kind("CSIDriver captures information about a CSI driver.", ("spec", Object(("attachRequired", Flag), ("podInfoOnMount", Flag), ("volumeLifecycleModes", Set(Text))))),
            Column.Text("AttachRequired", "spec.attachRequired"),
            Column.Text("PodInfoOnMount", "spec.podInfoOnMount"),
            Column.Of("Modes", "Volume lifecycle modes.", o => Column.Join(Column.At(o, "spec.volumeLifecycleModes")))),
        Define.Cluster(Storage, "v1", "CSINode", "csinodes", Kind("CSINode holds information about the CSI drivers of a node.", ("spec", Object(("drivers", ListMap(Free, "name"))))),
            Column.Of("Drivers", "Number of drivers.", o => Column.Count(o, "spec.drivers").ToString(System.Globalization.CultureInfo.InvariantCulture))),
        Define.Cluster(Storage, "v1", "VolumeAttachment", "volumeattachments", Kind("VolumeAttachment captures the intent to attach a volume.", ("spec", Free), ("status", Free))),

        Define.Namespaced("coordination.k8s.io", "v1", "Lease", "leases",
            Kind("Lease defines a lease concept.",
                ("spec", Object(("holderIdentity", Text), ("leaseDurationSeconds", Number32), ("acquireTime", MicroTime), ("renewTime", MicroTime), ("leaseTransitions", Number32)))),
            Column.Text("Holder", "spec.holderIdentity", missing: "")),

        Define.Cluster(Admission, "v1", "MutatingWebhookConfiguration", "mutatingwebhookconfigurations", Kind("MutatingWebhookConfiguration describes webhooks that change objects.", ("webhooks", Webhooks)),
            Column.Of("Webhooks", "Number of webhooks.", o => Column.Count(o, "webhooks").ToString(System.Globalization.CultureInfo.InvariantCulture))),
        Define.Cluster(Admission, "v1", "ValidatingWebhookConfiguration", "validatingwebhookconfigurations", Kind("ValidatingWebhookConfiguration describes webhooks that refuse objects.", ("webhooks", Webhooks)),
            Column.Of("Webhooks", "Number of webhooks.", o => Column.Count(o, "webhooks").ToString(System.Globalization.CultureInfo.InvariantCulture))),

        Define.Cluster("apiregistration.k8s.io", "v1", "APIService", "apiservices",
            Kind("APIService represents a server of one group and version.",
                ("spec", Object(("group", Text), ("version", Text), ("groupPriorityMinimum", Number32), ("versionPriority", Number32), ("service", Free), ("caBundle", Text), ("insecureSkipTLSVerify", Flag))),
                ("status", Object(("conditions", Conditions)))),
            Column.Of("Service", "Who serves it.", o => Column.At(o, "spec.service.name") is { } name ? $"{Column.At(o, "spec.service.namespace")}/{name}" : "Local"),
            Column.Of("Available", "Whether it answers.", o => (string?)(Column.At(o, "status.conditions") as JsonArray)?.FirstOrDefault(c => (string?)c?["type"] == "Available")?["status"] ?? "Unknown")),

        Define.Cluster("scheduling.k8s.io", "v1", "PriorityClass", "priorityclasses", Kind("PriorityClass maps a name to a priority.", ("value", Number32), ("globalDefault", Flag), ("description", Text)),
            Column.Integer("Value", "value")) with { ShortNames = ["pc"] },
        Define.Namespaced("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", Kind("PodDisruptionBudget limits voluntary disruptions.", ("spec", Free), ("status", Free))) with { ShortNames = ["pdb"] },
        Define.Namespaced("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies", Kind("NetworkPolicy describes what traffic is allowed.", ("spec", Free))) with { ShortNames = ["netpol"] },
        Define.Namespaced("networking.k8s.io", "v1", "Ingress", "ingresses", Kind("Ingress lets traffic in.", ("spec", Free), ("status", Free))) with { ShortNames = ["ing"] },
        Define.Namespaced("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices", Kind("EndpointSlice is a part of a Service's endpoints.", ("addressType", Text), ("endpoints", List(Free)), ("ports", List(Free)))),

        CoreKinds.EventsOf("events.k8s.io", "v1"),
    ];

    private static string RoleReference(JsonObject binding) => $"{Column.At(binding, "roleRef.kind")}/{Column.At(binding, "roleRef.name")}";
}
