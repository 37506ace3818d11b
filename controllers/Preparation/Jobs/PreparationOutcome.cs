using System.Buffers;
using System.Text.Json;
using AiModels.Contracts.V1Alpha1;
using AiModels.Controllers.Preparation.Pipeline;
using AiModels.ModelPack.Client;
using AiModels.ModelPack.Oci;

namespace AiModels.Controllers.Preparation.Jobs;

/// <summary>
/// How far a Job has come, for those who wait for it and for the Pod that takes its place: written down in the model's own repository, so that a Job needs no
/// right to write anything else.
/// </summary>
internal sealed record PreparationOutcome
{
    /// <summary>The tag in the model's repository.</summary>
    public const string Tag = "outcome";

    private const string ArtifactType = "application/vnd.deckhouse.ai-models.outcome.v1+json";
    private const string Json = "application/json";

    // Names and reasons of a hundred thousand files that were left out.
    private const int SizeLimit = 64 << 20;

    /// <summary>The attempt that wrote it; what an earlier one ended with does not count.</summary>
    public required string Attempt { get; init; }

    /// <summary>What the source was resolved to: the same for all attempts.</summary>
    public ResolvedSource? Source { get; init; }

    /// <summary>Set when the model is stored.</summary>
    public PreparationResult? Result { get; init; }

    /// <summary>Set when the attempt failed.</summary>
    public JobFailure? Failure { get; init; }

    /// <summary>Null when nothing was written yet.</summary>
    public static async Task<PreparationOutcome?> ReadAsync(RegistryClient registry, string repository, CancellationToken cancellationToken)
    {
        if (await registry.GetManifestAsync(repository, Tag, cancellationToken) is not { } manifest)
        {
            return null;
        }

        Descriptor layer = Manifest.Parse(manifest.Content).Layers[0];
        return JsonSerializer.Deserialize<PreparationOutcome>(await registry.GetBlobBytesAsync(repository, layer, SizeLimit, cancellationToken));
    }

    public async Task WriteAsync(RegistryClient registry, string repository, CancellationToken cancellationToken)
    {
        Descriptor config = await PutAsync(registry, repository, MediaTypes.OciEmpty, "{}"u8.ToArray(), cancellationToken);
        Descriptor content = await PutAsync(registry, repository, Json, JsonSerializer.SerializeToUtf8Bytes(this), cancellationToken);
        var manifest = new Manifest { ArtifactType = ArtifactType, Config = config, Layers = [content] };
        await registry.PutManifestAsync(repository, Tag, MediaTypes.OciManifest, manifest.Encode(), cancellationToken);
    }

    private static async Task<Descriptor> PutAsync(RegistryClient registry, string repository, string mediaType, byte[] content, CancellationToken cancellationToken)
    {
        var descriptor = new Descriptor { MediaType = mediaType, Digest = Digest.Sha256Of(content), Size = content.Length };
        await registry.PutBlobAsync(repository, descriptor.Digest, new ReadOnlySequence<byte>(content), cancellationToken);
        return descriptor;
    }
}

/// <summary>Why an attempt failed.</summary>
/// <param name="Reason">One of Contracts' reasons.</param>
internal sealed record JobFailure(string Reason, string Message, bool IsRetryable);
