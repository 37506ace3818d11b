using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Resources;

namespace AiModels.LocalCluster.Host.Strategies;

/// <summary>A new object starts in a phase.</summary>
internal sealed class PhaseStrategy(string initial) : IResourceStrategy
{
    public void Prepare(JsonObject current, JsonObject? previous)
    {
        if (previous == null) current["status"] = new JsonObject { ["phase"] = initial };
    }
}
