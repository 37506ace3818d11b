namespace AiModels.ModelPack.Oci;

/// <summary>Media types on the wire. OCI's from the image and distribution specifications 1.1, model ones from the CNCF ModelPack specification.</summary>
public static class MediaTypes
{
    public const string OciManifest = "application/vnd.oci.image.manifest.v1+json";
    public const string OciIndex = "application/vnd.oci.image.index.v1+json";
    public const string OciEmpty = "application/vnd.oci.empty.v1+json";
    public const string DockerManifest = "application/vnd.docker.distribution.manifest.v2+json";
    public const string DockerManifestList = "application/vnd.docker.distribution.manifest.list.v2+json";

    /// <summary>artifactType of a model.</summary>
    public const string ModelManifest = "application/vnd.cncf.model.manifest.v1+json";

    /// <summary>Media type of a model's config blob.</summary>
    public const string ModelConfig = "application/vnd.cncf.model.config.v1+json";

    /// <summary>artifactType of a finished upload that no model was made from yet: laid out like a model with one file.</summary>
    public const string UploadManifest = "application/vnd.deckhouse.ai-models.upload.v1+json";

    // Whole files, one layer each.
    public const string WeightRaw = "application/vnd.cncf.model.weight.v1.raw";
    public const string WeightConfigRaw = "application/vnd.cncf.model.weight.config.v1.raw";
    public const string DocRaw = "application/vnd.cncf.model.doc.v1.raw";
    public const string CodeRaw = "application/vnd.cncf.model.code.v1.raw";

    // Parts of a file that is larger than one chunk. ModelPack has no type for these, so they are ours.
    public const string ChunkRaw = "application/vnd.deckhouse.ai-models.chunk.v1.raw";
    public const string ChunkZstd = "application/vnd.deckhouse.ai-models.chunk.v1.zstd";

    /// <summary>Opaque bytes of an unfinished upload.</summary>
    public const string OctetStream = "application/octet-stream";
}

/// <summary>Annotations on layers.</summary>
public static class LayerAnnotations
{
    /// <summary>Path of the file inside the model (ModelPack).</summary>
    public const string FilePath = "org.cncf.model.filepath";

    /// <summary>Offset of a chunk in its file, decimal bytes.</summary>
    public const string Offset = "ai.deckhouse.io/offset";

    /// <summary>Length of a chunk before compression, decimal bytes.</summary>
    public const string Length = "ai.deckhouse.io/length";
}

/// <summary>Tags that the components agree on.</summary>
public static class WellKnownTags
{
    /// <summary>The artifact of a Ready model.</summary>
    public const string Model = "model";

    /// <summary>A finished upload.</summary>
    public const string Upload = "upload";
}
