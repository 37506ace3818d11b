using AiModels.ApiMachinery.Resources;
using AiModels.ApiMachinery.Schemas;
using AiModels.ApiMachinery.Tables;
using AiModels.ApiMachinery.Validation;

namespace AiModels.LocalCluster.Host.Kinds;

/// <summary>Short words for resource definitions.</summary>
internal static class Define
{
    public static ResourceDefinition Namespaced(string group, string version, string kind, string plural, Schema schema, params TableColumn[] columns) =>
        Kind(group, version, kind, plural, ResourceScope.Namespaced, schema, columns);

    public static ResourceDefinition Cluster(string group, string version, string kind, string plural, Schema schema, params TableColumn[] columns) =>
        Kind(group, version, kind, plural, ResourceScope.Cluster, schema, columns);

    private static ResourceDefinition Kind(
        string group, string version, string kind, string plural, ResourceScope scope, Schema schema, TableColumn[] columns) => new()
        {
            Group = group,
            Version = version,
            Kind = kind,
            Plural = plural,
            Singular = kind.ToLowerInvariant(),
            Scope = scope,
            HasStrategicMergePatch = true, // as every built-in kind upstream
            Schema = schema,
            NameRule = group == "rbac.authorization.k8s.io" ? NameRules.PathSegment : null, // system:auth-delegator
            HasStatus = schema.Properties.ContainsKey("status"),
            Columns = [.. columns, TableColumn.Age],
        };
}
