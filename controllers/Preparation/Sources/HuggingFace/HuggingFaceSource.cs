using System.Net;
using AiModels.Contracts.V1Alpha1;
using AiModels.Controllers.Preparation.Pipeline;
using AiModels.Controllers.Preparation.Sources.Hubs;
using AiModels.ModelPack.Format;

namespace AiModels.Controllers.Preparation.Sources.HuggingFace;

/// <summary>Models of Hugging Face (requirement P1): the revision is resolved to a commit before anything else, and frozen.</summary>
internal sealed class HuggingFaceSource(HubClient hub, HubTransfer transfer, ISourceTokens tokens) : IModelSource
{
    public string Name => SourceTypes.HuggingFace;

    public bool Handles(ClusterModelSource source) =>
        source.Url is { } url && Uri.TryCreate(url, UriKind.Absolute, out Uri? uri) && uri.Host is "huggingface.co" or "www.huggingface.co" or "hf.co";

    public async Task<StageOutcome> ResolveAsync(PreparationContext context, CancellationToken cancellationToken)
    {
        if (HubReference.Parse(context.Model.Source.Url!, out string problem) is not { } reference)
        {
            return StageOutcome.Failed(Reasons.UnsupportedSource, problem);
        }

        (string? token, string? missing) = await tokens.FindAsync(context.Model, cancellationToken);
        if (missing is not null)
        {
            return StageOutcome.Retry(Reasons.PublicationFailed, missing);
        }

        var access = new HubAccess(token, new HubNotices());
        string? frozen = (context.Progress.Source ?? context.Model.Status.Source)?.ResolvedRevision;
        HubRevision revision = frozen is not null ? new HubRevision(reference.Repository, frozen) : await CommitAsync(reference, access, cancellationToken);
        IReadOnlyList<HubFile> files = await hub.ListAsync(revision.Repository, revision.Commit, access, cancellationToken);
        if (files.Select(file => ModelPath.Problem(file.Path) is { } wrong ? $"{file.Path} {wrong}" : null).FirstOrDefault(wrong => wrong is not null) is { } badPath)
        {
            return StageOutcome.Failed(Reasons.PublicationFailed, $"{revision.Repository} has a file that cannot be stored: {badPath}.");
        }

        NamedFile named = NamedFile.Find(reference, files);
        if (named.Problem is not null)
        {
            return StageOutcome.Failed(named.Reason, $"{revision.Repository} at {revision.Commit} {named.Problem}");
        }

        var resolved = new ResolvedSource { ResolvedType = SourceTypes.HuggingFace, ResolvedRevision = revision.Commit };
        context.Content = new HubContent(file => hub.AddressOf(revision.Repository, revision.Commit, file.Path, access), resolved, files, transfer)
        {
            PreferredFile = named.Path,
            Noted = access.Notices,
        };
        return StageOutcome.Done;
    }

    private async Task<HubRevision> CommitAsync(HubReference reference, HubAccess access, CancellationToken cancellationToken)
    {
        HubException? first = null;
        foreach ((string revision, _) in reference.Candidates())
        {
            try
            {
                return await hub.ResolveAsync(reference.Repository, revision, access, cancellationToken);
            }
            catch (HubException e) when (e.IsRevisionMissing)
            {
                // A branch may have slashes: perhaps the next part belongs to its name.
                first ??= e;
            }
        }

        throw first ?? new HubException($"{reference.Repository} has no revision.", HttpStatusCode.NotFound);
    }
}

/// <summary>Registers the source.</summary>
internal static class HuggingFaceServices
{
    public static IServiceCollection AddHuggingFace(this IServiceCollection services)
    {
        services.AddSingleton(provider => new HubClient(HubTransport.Create(provider, provider.GetRequiredService<PreparationOptions>().HuggingfaceEndpoint)));
        return services.AddSingleton<IModelSource, HuggingFaceSource>();
    }
}
