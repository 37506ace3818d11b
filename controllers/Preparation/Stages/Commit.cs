using AiModels.Contracts.V1Alpha1;
using AiModels.Controllers.Preparation.Capabilities;
using AiModels.Controllers.Preparation.Pipeline;
using AiModels.ModelPack.Format;
using AiModels.ModelPack.Oci;

namespace AiModels.Controllers.Preparation.Stages;

/// <summary>Pushes manifest and config and tags them. From here on the model is in the registry, whatever happens to this process.</summary>
internal sealed class Commit : IPreparationStage
{
    public string Name => "Commit";

    public string Reason => Reasons.PublicationSealing;

    public async Task<StageOutcome> RunAsync(PreparationContext context, CancellationToken cancellationToken)
    {
        ResolvedModel resolved = context.Description!.Resolved;
        PackedManifest packed = await context.Writer.PublishAsync(context.Stored, Describe(resolved), WellKnownTags.Model, cancellationToken);

        // What was received and noted stays until the status says Ready: whoever takes over before that begins with it. ModelCleanup drops it then.
        context.Result = new PreparationResult
        {
            Artifact = new ModelArtifact { Digest = packed.Digest.ToString(), MediaType = MediaTypes.ModelManifest, SizeBytes = Math.Max(1, packed.LogicalBytes) },
            Source = context.Content!.Resolved,
            Resolved = Declared(resolved, context.Content.Implied) with { SourceCapabilities = Capabilities(context) },
            CustomCode = context.Description.CustomCode,
            LeftOut = context.LeftOut,
            Notices = context.Content.Notices,
            StoredBytes = packed.StoredBytes,
        };
        return StageOutcome.Done;
    }

    /// <summary>Only what the files themselves say: equal files must give the equal digest wherever they came from.</summary>
    private static ModelDescription Describe(ResolvedModel resolved) => new()
    {
        Family = resolved.Family,
        Format = resolved.Format?.ToLowerInvariant(),
        ParamSize = ModelDescription.ParameterSize(resolved.ParameterCount),
        Quantization = resolved.Quantization,
    };

    private static ResolvedModel Declared(ResolvedModel resolved, IReadOnlyList<string> implied)
    {
        CapabilitySet capabilities = new CapabilitySet().Add(resolved.SupportedEndpointTypes ?? []).Add(resolved.SupportedFeatures ?? []).Add(implied);
        return resolved with { SupportedEndpointTypes = capabilities.EndpointTypes, SupportedFeatures = capabilities.Features };
    }

    private static SourceCapabilities? Capabilities(PreparationContext context) => context.Content!.Capabilities
        ?? (context.Description!.Tasks is { Count: > 0 } tasks ? new SourceCapabilities { Provider = context.Content.Resolved.ResolvedType, Tasks = tasks } : null);
}
