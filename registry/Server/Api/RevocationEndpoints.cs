using AiModels.Registry.Grants;
using AiModels.Registry.Storage;

namespace AiModels.Registry.Api;

/// <summary><c>POST /revocations</c> revokes a grant by id, or all of a subject; <c>GET /revocations</c> lists what is revoked. For operators.</summary>
internal sealed class RevocationEndpoints(GrantAuthentication authentication, Revocations revocations)
{
    private const int MaxDocument = 4096;
    private const int MaxText = 1024;
    private const string Shape = "a JSON document with either grant (an id) or subject, and perhaps reason";

    public async Task RevokeAsync(HttpContext http)
    {
        RegistryRequest request = authentication.AuthorizeInspection(http);
        RevocationRequest wanted = await RequestDocument.ReadAsync(request, RegistryJson.Default.RevocationRequest, MaxDocument, Shape);
        bool isOne = wanted.Grant is null != wanted.Subject is null && (wanted.Grant ?? wanted.Subject) is { Length: > 0 };
        if (!isOne || wanted.Grant?.Length > MaxText || wanted.Subject?.Length > MaxText || wanted.Reason?.Length > MaxText)
        {
            throw new RegistryException(RegistryError.DocumentInvalid, $"Want {Shape}, of at most {MaxText} characters each.");
        }

        await request.WriteJsonAsync(await revocations.RevokeAsync(wanted, request.Aborted), RegistryJson.Default.Revocation, status: StatusCodes.Status201Created);
    }

    public async Task ListAsync(HttpContext http)
    {
        RegistryRequest request = authentication.AuthorizeInspection(http);
        await request.WriteJsonAsync([.. revocations.All], RegistryJson.Default.RevocationArray);
    }
}
