using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Resources;

namespace AiModels.LocalCluster.Host.Strategies;

/// <summary>A namespace starts active, labelled with its name, and holds the finalizer that empties it (here as a metadata finalizer: there is no /finalize).</summary>
internal sealed class NamespaceStrategy : IResourceStrategy
{
    public const string Finalizer = "kubernetes.local/empty";
    private const string NameLabel = "kubernetes.io/metadata.name";

    public void Prepare(JsonObject current, JsonObject? previous)
    {
        JsonObject metadata = current["metadata"]!.AsObject();
        if (metadata["labels"] is not JsonObject labels) metadata["labels"] = labels = [];
        labels[NameLabel] = (string?)metadata["name"];
        if (previous != null) return;
        current["status"] = new JsonObject { ["phase"] = "Active" };
        metadata["finalizers"] = new JsonArray(Finalizer);
    }
}
