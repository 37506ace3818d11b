using AiModels.ModelPack.Oci;

namespace AiModels.ModelPack.Client;

/// <summary>A manifest as the registry holds it; the digest was recomputed over these bytes.</summary>
public sealed record ManifestContent(Digest Digest, string MediaType, ReadOnlyMemory<byte> Content);
