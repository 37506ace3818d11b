using System.Text.Json;
using AiModels.Registry.Grants;
using AiModels.Registry.Storage;

namespace AiModels.Registry.Api;

/// <summary><c>POST /revocations</c> revokes a grant by id, or all of a subject; <c>GET /revocations</c> lists what is revoked. For operators.</summary>
internal sealed class RevocationEndpoints(GrantAuthentication authentication, Revocations revocations)
{
    private const int MaxDocument = 4096;
    private const int MaxText = 1024;

    public async Task RevokeAsync(HttpContext http)
    {
        RegistryRequest request = authentication.AuthorizeInspection(http);
        RevocationRequest? wanted = null;
        if (http.Request.ContentLength is > 0 and <= MaxDocument)
        {
            try
            {
                wanted = await JsonSerializer.DeserializeAsync(http.Request.Body, RegistryJson.Default.RevocationRequest, request.Aborted);
            }
            catch (JsonException failure)
            {
                throw new RegistryException(RegistryError.DocumentInvalid, failure.Message, failure);
            }
        }

        bool isOne = wanted is not null && string.IsNullOrEmpty(wanted.Grant) != string.IsNullOrEmpty(wanted.Subject);
        if (!isOne || (wanted!.Grant ?? wanted.Subject)!.Length > MaxText || wanted.Reason?.Length > MaxText)
        {
            throw new RegistryException(RegistryError.DocumentInvalid, $"Want a JSON document with either grant (an id) or subject, and perhaps reason, of at most {MaxText} characters each.");
        }

        await request.WriteJsonAsync(await revocations.RevokeAsync(wanted, request.Aborted), RegistryJson.Default.Revocation, status: StatusCodes.Status201Created);
    }

    public async Task ListAsync(HttpContext http)
    {
        RegistryRequest request = authentication.AuthorizeInspection(http);
        await request.WriteJsonAsync([.. revocations.All], RegistryJson.Default.RevocationArray);
    }
}
