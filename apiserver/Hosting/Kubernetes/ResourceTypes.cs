namespace AiModels.Hosting.Kubernetes;

/// <summary>The resources of Kubernetes that our components use.</summary>
public static class ResourceTypes
{
    public static ResourceType Namespaces { get; } = new("", "v1", "namespaces", "Namespace", false);
    public static ResourceType Nodes { get; } = new("", "v1", "nodes", "Node", false);
    public static ResourceType Pods { get; } = new("", "v1", "pods", "Pod", true);
    public static ResourceType Secrets { get; } = new("", "v1", "secrets", "Secret", true);
    public static ResourceType ConfigMaps { get; } = new("", "v1", "configmaps", "ConfigMap", true);
    public static ResourceType Events { get; } = new("", "v1", "events", "Event", true);
    public static ResourceType PersistentVolumeClaims { get; } = new("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", true);
    public static ResourceType PersistentVolumes { get; } = new("", "v1", "persistentvolumes", "PersistentVolume", false);
    public static ResourceType PodTemplates { get; } = new("", "v1", "podtemplates", "PodTemplate", true);
    public static ResourceType ServiceAccounts { get; } = new("", "v1", "serviceaccounts", "ServiceAccount", true);
    public static ResourceType Deployments { get; } = new("apps", "v1", "deployments", "Deployment", true);
    public static ResourceType ReplicaSets { get; } = new("apps", "v1", "replicasets", "ReplicaSet", true);
    public static ResourceType ControllerRevisions { get; } = new("apps", "v1", "controllerrevisions", "ControllerRevision", true);
    public static ResourceType StatefulSets { get; } = new("apps", "v1", "statefulsets", "StatefulSet", true);
    public static ResourceType DaemonSets { get; } = new("apps", "v1", "daemonsets", "DaemonSet", true);
    public static ResourceType Jobs { get; } = new("batch", "v1", "jobs", "Job", true);
    public static ResourceType CronJobs { get; } = new("batch", "v1", "cronjobs", "CronJob", true);
    public static ResourceType Roles { get; } = new("rbac.authorization.k8s.io", "v1", "roles", "Role", true);
    public static ResourceType RoleBindings { get; } = new("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding", true);
    public static ResourceType StorageClasses { get; } = new("storage.k8s.io", "v1", "storageclasses", "StorageClass", false);
    public static ResourceType CsiDrivers { get; } = new("storage.k8s.io", "v1", "csidrivers", "CSIDriver", false);
    public static ResourceType Leases { get; } = new("coordination.k8s.io", "v1", "leases", "Lease", true);
    public static ResourceType MutatingWebhookConfigurations { get; } =
        new("admissionregistration.k8s.io", "v1", "mutatingwebhookconfigurations", "MutatingWebhookConfiguration", false);

    // Deckhouse's SDS; clusters may lack them.
    public static ResourceType LvmVolumeGroupSets { get; } = new("storage.deckhouse.io", "v1alpha1", "lvmvolumegroupsets", "LVMVolumeGroupSet", false);
    public static ResourceType LocalStorageClasses { get; } = new("storage.deckhouse.io", "v1alpha1", "localstorageclasses", "LocalStorageClass", false);

    public static ResourceType Models { get; } = new("ai.deckhouse.io", "v1alpha1", "models", "Model", true);
    public static ResourceType ClusterModels { get; } = new("ai.deckhouse.io", "v1alpha1", "clustermodels", "ClusterModel", false);
    public static ResourceType ModelCatalogSources { get; } = new("ai.deckhouse.io", "v1alpha1", "modelcatalogsources", "ModelCatalogSource", false);
    public static ResourceType NodeModelCaches { get; } = new("ai.deckhouse.io", "v1alpha1", "nodemodelcaches", "NodeModelCache", false);
}
