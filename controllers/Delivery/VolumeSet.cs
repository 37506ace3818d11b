using System.Text.Json.Nodes;

namespace AiModels.Controllers.Delivery;

/// <summary>The volumes that a plan needs, and from which of them each model is mounted.</summary>
/// <param name="Volumes">core/v1 Volume.</param>
internal sealed record VolumeSet(IReadOnlyList<JsonObject> Volumes, IReadOnlyList<ModelMount> Mounts)
{
    /// <summary>All our volumes are named so, and by this they are told from the user's.</summary>
    public const string NamePrefix = "ai-models";
}

/// <param name="SubPath">Folder inside the volume; null for its root.</param>
internal sealed record ModelMount(string ModelName, string VolumeName, string? SubPath);
