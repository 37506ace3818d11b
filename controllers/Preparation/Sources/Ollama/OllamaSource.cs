using System.Text;
using AiModels.Contracts.V1Alpha1;
using AiModels.Controllers.Preparation.Formats.Gguf;
using AiModels.Controllers.Preparation.Pipeline;
using AiModels.Controllers.Preparation.Sources.Hubs;

namespace AiModels.Controllers.Preparation.Sources.Ollama;

/// <summary>
/// Models of Ollama's library (requirement P2): the tag is resolved to the digest of its manifest, and frozen. Of the manifest's layers the weights are taken.
/// </summary>
internal sealed class OllamaSource(OllamaRegistry registry, HubTransfer transfer) : IModelSource
{
    public string Name => SourceTypes.Ollama;

    public bool Handles(ClusterModelSource source) =>
        source.Url is { } url && Uri.TryCreate(url, UriKind.Absolute, out Uri? uri) && uri.Host is "ollama.com" or "www.ollama.com";

    public async Task<StageOutcome> ResolveAsync(PreparationContext context, CancellationToken cancellationToken)
    {
        if (OllamaReference.Parse(context.Model.Source.Url!, out string problem) is not { } reference)
        {
            return StageOutcome.Failed(Reasons.UnsupportedSource, problem);
        }

        string? frozen = (context.Progress.Source ?? context.Model.Status.Source)?.ResolvedRevision;
        var access = HubAccess.Anonymous();
        if (await ManifestAsync(reference, frozen, access, cancellationToken) is not { } manifest)
        {
            return StageOutcome.Failed(Reasons.PublicationFailed, frozen is null
                ? $"Ollama's library has no {reference}."
                : $"{reference} is not {frozen} any more, with which its preparation began. Create the model again to have what it is now.");
        }

        OllamaConfig config = OllamaConfig.Parse(await registry.ReadBlobAsync(reference, manifest.Config, "config", access, cancellationToken), reference);
        if (Unsupported(manifest, config) is { } unsupported)
        {
            return StageOutcome.Failed(Reasons.UnsupportedSource, $"{reference} {unsupported}");
        }

        OllamaDescriptor weights = TheWeights(manifest, reference);
        HubFile[] files = [new HubFile(GgufFormat.DefaultFileName, weights.Size, "", weights.Digest.Hex)];
        var resolved = new ResolvedSource { ResolvedType = SourceTypes.Ollama, ResolvedRevision = manifest.Digest.ToString() };
        context.Content = new HubContent(_ => registry.AddressOf(reference, weights, access), resolved, files, transfer)
        {
            Capabilities = config.Declared(),
            LeftBehind = LeftBehind(manifest, weights),
            Noted = access.Notices,
            Implied = [.. config.Implied(manifest.Layers.Any(layer => layer.MediaType == OllamaManifest.ProjectorLayer)), .. await OfTemplateAsync(reference, manifest, access, cancellationToken)],
        };
        return StageOutcome.Done;
    }

    /// <summary>What the tag names now, or what it named when the preparation began. Null when that cannot be had.</summary>
    private async Task<OllamaManifest?> ManifestAsync(OllamaReference reference, string? frozen, HubAccess access, CancellationToken cancellationToken)
    {
        foreach (string name in frozen is null ? [reference.Tag] : new[] { reference.Tag, frozen })
        {
            if (await registry.FindManifestAsync(reference, name, access, cancellationToken) is { } content
                && (frozen is null || ModelPack.Oci.Digest.Sha256Of(content).ToString() == frozen))
            {
                return OllamaManifest.Parse(content, reference);
            }
        }

        return null;
    }

    /// <summary>What the template says. Several, or one that is no text, say nothing.</summary>
    private async Task<IReadOnlyList<string>> OfTemplateAsync(OllamaReference reference, OllamaManifest manifest, HubAccess access, CancellationToken cancellationToken) =>
        manifest.Layers.Where(layer => layer.MediaType == OllamaManifest.TemplateLayer).ToArray() is [var layer]
            ? OllamaTemplate.Capabilities(Encoding.UTF8.GetString(await registry.ReadBlobAsync(reference, layer, "template", access, cancellationToken)))
            : [];

    /// <summary>Why the model is of a kind that has no GGUF file of its own; null when it is none of these.</summary>
    private static string? Unsupported(OllamaManifest manifest, OllamaConfig config)
    {
        if (config.RemoteHost is { Length: > 0 } host)
        {
            return $"runs at {host} and has no weights that could be stored. Choose a tag that is no cloud model.";
        }

        bool Has(string type) => manifest.Layers.Any(layer => layer.MediaType == type);
        if (!Has(OllamaManifest.ModelLayer) && (Has(OllamaManifest.TensorLayer) || config.ModelFormat == "safetensors"))
        {
            return "is stored as single tensors and not as a GGUF file. Choose a tag with GGUF weights, or the model on Hugging Face.";
        }

        return Has(OllamaManifest.AdapterLayer) ? "is an adapter on top of other weights; without it the weights would be another model." : null;
    }

    /// <summary>What else the manifest has, said rather than dropped without a word.</summary>
    private static Dictionary<string, string> LeftBehind(OllamaManifest manifest, OllamaDescriptor weights) => manifest.Layers
        .Where(layer => layer != weights)
        .GroupBy(layer => layer.MediaType)
        .ToDictionary(
            group => $"{group.Count()} of {group.Key}",
            group => group.Key == OllamaManifest.ProjectorLayer ? "a model is one GGUF file: what the model needs to see or hear must be had elsewhere" : "settings of Ollama's and not part of the weights");

    private static OllamaDescriptor TheWeights(OllamaManifest manifest, OllamaReference reference)
    {
        OllamaDescriptor[] weights = [.. manifest.Layers.Where(layer => layer.MediaType == OllamaManifest.ModelLayer)];
        if (weights is [{ Size: > 0 } only])
        {
            return only;
        }

        throw weights.Length == 1
            ? OllamaManifest.Invalid(reference, "its weights have no bytes")
            : OllamaManifest.Invalid(reference, $"it has {weights.Length} layers of type {OllamaManifest.ModelLayer} and one is wanted "
                + $"(its {manifest.Layers.Count} layers: {string.Join(", ", manifest.Layers.Select(layer => layer.MediaType).Distinct().Take(10))})");
    }
}

/// <summary>Registers the source.</summary>
internal static class OllamaServices
{
    public static IServiceCollection AddOllama(this IServiceCollection services)
    {
        services.AddSingleton(provider => new OllamaRegistry(HubTransport.Create(provider, provider.GetRequiredService<PreparationOptions>().OllamaEndpoint)));
        return services.AddSingleton<IModelSource, OllamaSource>();
    }
}
