using AiModels.ApiMachinery.Schemas;
using static AiModels.LocalCluster.Host.Kinds.Shape;

namespace AiModels.LocalCluster.Host.Kinds;

/// <summary>The parts of a Pod, with upstream's list types and keys: several managers apply to one Pod template, so these must be right.</summary>
internal static class PodShape
{
    private static readonly Schema EnvironmentVariable = Object(("name", Text), ("value", Text), ("valueFrom", Free)) with { Required = ["name"] };

    private static readonly Schema VolumeMount =
        Object(("name", Text), ("mountPath", Text), ("subPath", Text), ("readOnly", Flag)) with { Required = ["name", "mountPath"] };

    private static readonly Schema Port = Object(
        ("name", Text), ("containerPort", Number32), ("protocol", Text.WithDefault("TCP")), ("hostPort", Number32)) with
    { Required = ["containerPort"] };

    private static readonly Schema Resources = Object(("limits", Map(Quantity)), ("requests", Map(Quantity)));

    private static readonly Schema Container = Object(
        ("name", Text), ("image", Text), ("command", TextList), ("args", TextList), ("workingDir", Text),
        ("ports", ListMap(Port, "containerPort", "protocol")),
        ("env", ListMap(EnvironmentVariable, "name")),
        ("envFrom", List(Free)),
        ("volumeMounts", ListMap(VolumeMount, "mountPath")),
        ("volumeDevices", ListMap(Free, "devicePath")),
        ("resources", Resources),
        ("imagePullPolicy", Text),
        ("securityContext", Free)) with
    { Required = ["name"] };

    private static readonly Schema LocalReference = Object(("name", Text)) with { MapType = "atomic" };

    private static readonly Schema Volume = Object(
        ("name", Text), ("secret", Free), ("configMap", Free), ("emptyDir", Free), ("hostPath", Free), ("projected", Free),
        ("persistentVolumeClaim", Object(("claimName", Text), ("readOnly", Flag))),
        ("csi", Object(("driver", Text), ("readOnly", Flag), ("fsType", Text), ("volumeAttributes", TextMap)))) with
    { Required = ["name"] };

    public static Schema Spec { get; } = Object(
        ("containers", ListMap(Container, "name")),
        ("initContainers", ListMap(Container, "name")),
        ("ephemeralContainers", ListMap(Container, "name")),
        ("volumes", ListMap(Volume, "name")),
        ("schedulingGates", ListMap(Object(("name", Text)), "name")),
        ("imagePullSecrets", ListMap(LocalReference, "name")),
        ("hostAliases", ListMap(Free, "ip")),
        ("topologySpreadConstraints", ListMap(Free, "topologyKey", "whenUnsatisfiable")),
        ("tolerations", List(Free)),
        ("nodeSelector", TextMap with { MapType = "atomic" }),
        ("affinity", Free),
        ("securityContext", Free),
        ("restartPolicy", Text),
        ("serviceAccountName", Text),
        ("nodeName", Text),
        ("terminationGracePeriodSeconds", Number)) with
    { Required = ["containers"] };

    public static Schema Status { get; } = Object(
        ("phase", Text), ("reason", Text), ("message", Text), ("podIP", Text), ("hostIP", Text), ("startTime", Time),
        ("conditions", Conditions),
        ("containerStatuses", List(Free)),
        ("initContainerStatuses", List(Free)),
        ("podIPs", ListMap(Object(("ip", Text)), "ip")));

    /// <summary>spec.template of a workload.</summary>
    public static Schema Template { get; } = Object(
        ("metadata", StandardSchemas.ObjectMeta),
        ("spec", Spec));
}
