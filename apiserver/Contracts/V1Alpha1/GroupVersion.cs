namespace AiModels.Contracts.V1Alpha1;

/// <summary>Names of the API group. They are public contract: manifests, RBAC rules and scripts spell them out.</summary>
public static class GroupVersion
{
    public const string Group = "ai.deckhouse.io";
    public const string Version = "v1alpha1";
    public const string ApiVersion = Group + "/" + Version;
    public const string Category = "ai-models";

    public const string ModelKind = "Model";
    public const string Models = "models";
    public const string ClusterModelKind = "ClusterModel";
    public const string ClusterModels = "clustermodels";
    public const string ModelCatalogSourceKind = "ModelCatalogSource";
    public const string ModelCatalogSources = "modelcatalogsources";
    public const string NodeModelCacheKind = "NodeModelCache";
    public const string NodeModelCaches = "nodemodelcaches";
}
