namespace AiModels.LocalCluster.Host.Protobuf;

/// <summary>
/// The messages that kubectl's imperative commands send (create namespace, configmap, secret, serviceaccount, token, role …, deployment, job; auth can-i, whoami), with
/// upstream's field numbers (k8s.io/api/*/generated.proto). Everything declarative (apply, create -f) is JSON and needs none of this.
/// </summary>
internal static class KubernetesMessages
{
    private static readonly ProtoMessage OwnerReference = Of(
        (1, T("kind")), (3, T("name")), (4, T("uid")), (5, T("apiVersion")), (6, F("controller")), (7, F("blockOwnerDeletion")));

    private static readonly ProtoMessage ObjectMeta = Of(
        (1, T("name")), (2, T("generateName")), (3, T("namespace")), (5, T("uid")), (6, T("resourceVersion")), (7, I("generation")), (8, new("creationTimestamp", ProtoKind.Time)),
        (9, new("deletionTimestamp", ProtoKind.Time)), (11, Map("labels")), (12, Map("annotations")), (13, L("ownerReferences", OwnerReference)), (14, L("finalizers")));

    private static readonly ProtoMessage LabelSelector = Of((1, Map("matchLabels")));
    private static readonly ProtoMessage Port = Of((1, T("name")), (2, I("hostPort")), (3, I("containerPort")), (4, T("protocol")));
    private static readonly ProtoMessage Variable = Of((1, T("name")), (2, T("value")));

    private static readonly ProtoMessage Container = Of(
        (1, T("name")), (2, T("image")), (3, L("command")), (4, L("args")), (5, T("workingDir")), (6, L("ports", Port)), (7, L("env", Variable)), (14, T("imagePullPolicy")));

    private static readonly ProtoMessage PodTemplate = Of(
        (1, M("metadata", ObjectMeta)), (2, M("spec", Of((2, L("containers", Container)), (3, T("restartPolicy")), (7, Map("nodeSelector")), (8, T("serviceAccountName"))))));

    private static readonly ProtoMessage JobSpec = Of((1, I("parallelism")), (2, I("completions")), (4, M("selector", LabelSelector)), (6, M("template", PodTemplate)), (7, I("backoffLimit")));

    private static readonly ProtoMessage Rule = Of(
        (1, L("verbs")), (2, L("apiGroups")), (3, L("resources")), (4, L("resourceNames")), (5, L("nonResourceURLs")));

    private static readonly ProtoMessage Subject = Of((1, T("kind")), (2, T("apiGroup")), (3, T("name")), (4, T("namespace")));
    private static readonly ProtoMessage RoleReference = Of((1, T("apiGroup")), (2, T("kind")), (3, T("name")));

    private static readonly ProtoMessage ResourceAttributes = Of(
        (1, T("namespace")), (2, T("verb")), (3, T("group")), (4, T("version")), (5, T("resource")), (6, T("subresource")), (7, T("name")));

    private static readonly ProtoMessage PathAttributes = Of((1, T("path")), (2, T("verb")));

    /// <summary>Messages by kind.</summary>
    public static IReadOnlyDictionary<string, ProtoMessage> ByKind { get; } = new Dictionary<string, ProtoMessage>
    {
        ["Namespace"] = Of((1, M("metadata", ObjectMeta))),
        ["ConfigMap"] = Of((1, M("metadata", ObjectMeta)), (2, Map("data")), (3, new("binaryData", ProtoKind.BytesMap)), (4, F("immutable"))),
        ["Secret"] = Of((1, M("metadata", ObjectMeta)), (2, new("data", ProtoKind.BytesMap)), (3, T("type")), (4, Map("stringData")), (5, F("immutable"))),
        ["ServiceAccount"] = Of((1, M("metadata", ObjectMeta))),
        ["TokenRequest"] = Of((1, M("metadata", ObjectMeta)), (2, M("spec", Of((1, L("audiences")), (4, I("expirationSeconds")))))),
        ["Deployment"] = Of((1, M("metadata", ObjectMeta)), (2, M("spec", Of((1, I("replicas")), (2, M("selector", LabelSelector)), (3, M("template", PodTemplate)))))),
        ["Job"] = Of((1, M("metadata", ObjectMeta)), (2, M("spec", JobSpec))),
        ["CronJob"] = Of(
            (1, M("metadata", ObjectMeta)),
            (2, M("spec", Of((1, T("schedule")), (3, T("concurrencyPolicy")), (5, M("jobTemplate", Of((1, M("metadata", ObjectMeta)), (2, M("spec", JobSpec))))))))),
        ["Role"] = Of((1, M("metadata", ObjectMeta)), (2, L("rules", Rule))),
        ["ClusterRole"] = Of((1, M("metadata", ObjectMeta)), (2, L("rules", Rule))),
        ["RoleBinding"] = Of((1, M("metadata", ObjectMeta)), (2, L("subjects", Subject)), (3, M("roleRef", RoleReference))),
        ["ClusterRoleBinding"] = Of((1, M("metadata", ObjectMeta)), (2, L("subjects", Subject)), (3, M("roleRef", RoleReference))),
        ["SelfSubjectReview"] = Of((1, M("metadata", ObjectMeta))),
        ["SelfSubjectAccessReview"] = Of((1, M("metadata", ObjectMeta)), (2, M("spec", Of((1, M("resourceAttributes", ResourceAttributes)), (2, M("nonResourceAttributes", PathAttributes)))))),
        ["SelfSubjectRulesReview"] = Of((1, M("metadata", ObjectMeta)), (2, M("spec", Of((1, T("namespace")))))),
        ["DeleteOptions"] = Of(
            (1, I("gracePeriodSeconds")), (2, M("preconditions", Of((1, T("uid")), (2, T("resourceVersion"))))), (4, T("propagationPolicy")), (5, L("dryRun"))),
    };

    private static ProtoMessage Of(params (int Number, ProtoField Field)[] fields) => new(fields.ToDictionary(f => f.Number, f => f.Field));

    private static ProtoField T(string name) => new(name);

    private static ProtoField I(string name) => new(name, ProtoKind.Integer);

    private static ProtoField F(string name) => new(name, ProtoKind.Flag);

    private static ProtoField L(string name, ProtoMessage? message = null) => new(name, message == null ? ProtoKind.Text : ProtoKind.Message, true, message);

    private static ProtoField M(string name, ProtoMessage message) => new(name, ProtoKind.Message, false, message);

    private static ProtoField Map(string name) => new(name, ProtoKind.TextMap);
}
