using AiModels.ApiMachinery.Errors;
using AiModels.ApiMachinery.Http;
using AiModels.ApiMachinery.Resources;
using AiModels.ApiMachinery.Schemas;
using AiModels.ApiMachinery.Validation;
using AiModels.ApiServer.Registry;
using AiModels.ApiServer.Uploads;
using AiModels.Contracts.V1Alpha1;
using AiModels.ModelPack.Grants;

namespace AiModels.ApiServer.Subresources;

/// <summary>
/// /grant of a model: a short-lived token for the one repository its bytes live in. Pulling asks for create on models/grant; pushing and deleting
/// ask for update on it as well.
/// </summary>
internal sealed class GrantSubresource(GrantKeyring keyring, IAuthorizer authorizer, GrantOptions options, TimeProvider time) : ISubresource
{
    private static readonly TimeSpan DefaultLife = TimeSpan.FromHours(1);

    public string Name => "grant";

    public string Kind => "RegistryGrant";

    public Schema Schema { get; } = SchemaGenerator.For<RegistryGrant>();

    public IReadOnlyList<string> Verbs { get; } = ["create"];

    public IReadOnlyList<string> LongRunningVerbs { get; } = [];

    public async Task HandleAsync(SubresourceRequest request, CancellationToken cancellationToken)
    {
        RegistryGrantSpec spec = (await SubresourceBody.ReadAsync<RegistryGrant>(request.Http.Request, this, cancellationToken))?.Spec ?? new RegistryGrantSpec();
        RefuseInvalid(spec);
        IReadOnlyList<string> actions = spec.Actions is { Count: > 0 } wanted ? [.. wanted.Distinct()] : [GrantActions.Pull];
        if (actions.Any(action => action != GrantActions.Pull))
        {
            await RequireUpdateAsync(request, actions, cancellationToken);
        }

        string repository = $"{request.Resource.Plural}/{UploadSessions.UidOf(request.Parent)}";
        TimeSpan life = spec.ExpirationSeconds is { } seconds ? TimeSpan.FromSeconds(seconds) : DefaultLife;
        GrantSigner signer = await keyring.SignerAsync(cancellationToken);
        string token = signer.Sign(spec.Consumer ?? request.User, [new GrantAccess(repository, actions)], life, out DateTimeOffset expiresAt);
        var grant = new RegistryGrant
        {
            Metadata = new ObjectMeta { Name = request.Name, Namespace = request.Namespace.Length > 0 ? request.Namespace : null },
            Spec = spec with { Actions = actions },
            Status = new RegistryGrantStatus
            {
                Registry = options.RegistryUrl,
                Repository = repository,
                Digest = (string?)request.Parent["status"]?["artifact"]?["digest"],
                Token = token,
                ExpiresAt = expiresAt,
            },
        };
        await SubresourceBody.WriteAsync(request, this, 201, grant, time);
    }

    private void RefuseInvalid(RegistryGrantSpec spec)
    {
        List<FieldError> errors = [.. (spec.Actions ?? [])
            .Where(action => !GrantActions.All.Contains(action))
            .Select(action => FieldError.NotSupported("spec.actions", action, GrantActions.All))];
        if (spec.ExpirationSeconds is < 60 or > 86400)
        {
            errors.Add(FieldError.InvalidRaw("spec.expirationSeconds", $"{spec.ExpirationSeconds}", "must be between 60 and 86400"));
        }

        if (spec.Consumer is { Length: 0 or > 512 })
        {
            errors.Add(FieldError.Invalid("spec.consumer", spec.Consumer, "must have between 1 and 512 characters"));
        }

        if (errors.Count > 0)
        {
            throw ApiError.Invalid($"{Kind}.{GroupVersion.Group}", GroupVersion.Group, Kind, "", errors);
        }
    }

    private async Task RequireUpdateAsync(SubresourceRequest request, IReadOnlyList<string> actions, CancellationToken cancellationToken)
    {
        UserInfo user = UserFeature.Of(request.Http);
        if (user.IsInGroup(UserInfo.MastersGroup))
        {
            return;
        }

        AuthorizationDecision decision = await authorizer.AuthorizeAsync(
            new AuthorizationAttributes
            {
                User = user,
                Verb = "update",
                IsResource = true,
                Group = request.Resource.Group,
                Version = request.Resource.Version,
                Resource = request.Resource.Plural,
                Subresource = Name,
                Namespace = request.Namespace,
                Name = request.Name,
            },
            cancellationToken);
        if (!decision.IsAllowed)
        {
            throw ApiError.Forbidden(request.Resource, request.Name, $"a grant to {string.Join(" and ", actions)} needs the verb update on {request.Resource.Plural}/{Name}");
        }
    }
}

/// <summary>Where granted tokens are good.</summary>
/// <param name="RegistryUrl">The registry's address as clients reach it.</param>
internal sealed record GrantOptions(string RegistryUrl);
