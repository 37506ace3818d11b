using AiModels.ModelPack.Grants;
using AiModels.Registry.Capacity;
using AiModels.Registry.Grants;
using AiModels.Registry.Storage;
using AiModels.Registry.Storage.Backends;

namespace AiModels.Registry.Api;

/// <summary>
/// Room: <c>GET /capacity</c> tells how full the registry is (any grant) and each namespace (those who may inspect); <c>PUT /capacity/reservations/NAME</c> (push grant) keeps room for a repository or renews
/// that, 507 with the bytes when there is none; GET inspects it (pull grant), DELETE gives it back (push grant; with <c>?holder=</c> only when it is that holder's).
/// </summary>
internal sealed class CapacityEndpoints(GrantAuthentication authentication, CapacityLedger ledger, ReservationBook reservations, RepositoryOwners owners, IStorageBackend backend)
{
    private const int MaxDocument = 8192;
    private const int MaxText = 256;

    // 1 EiB: far beyond any medium, and small enough that sums cannot overflow.
    private const long MaxBytes = 1L << 60;

    public async Task GetAsync(HttpContext http)
    {
        Caller caller = authentication.Authenticate(http, "", GrantActions.Pull);
        CapacityStatement statement = ledger.Describe((await backend.GetSpaceAsync(http.RequestAborted))?.FreeBytes);

        // What other namespaces have and use is not told to everybody who may read something.
        statement = caller.Allows(GrantActions.Registry, GrantActions.Inspect) ? statement : statement with { Namespaces = [] };
        await new RegistryRequest(http, "", "", caller).WriteJsonAsync(statement, RegistryJson.Default.CapacityStatement);
    }

    public async Task ReserveAsync(HttpContext http, string name)
    {
        RegistryRequest request = authentication.Authorize(http, name, GrantActions.Push);
        ReservationRequest wanted = await ReadAsync(request);
        if (wanted.Owner is { } owner)
        {
            await owners.SetAsync(name, owner, request.Aborted);
        }

        ReservationStatement statement = await reservations.ReserveAsync(
            name, wanted.Owner is { Namespace.Length: > 0 } model ? model.Namespace : null, wanted.Holder, wanted.Bytes, wanted.IncludesStored, TimeSpan.FromSeconds(wanted.LifetimeSeconds),
            request.Aborted);
        await request.WriteJsonAsync(statement, RegistryJson.Default.ReservationStatement);
    }

    public async Task FindAsync(HttpContext http, string name)
    {
        RegistryRequest request = authentication.Authorize(http, name, GrantActions.Pull);
        ReservationStatement statement = reservations.Describe(name) ?? throw new RegistryException(RegistryError.NotFound, $"No room is reserved for {name}.");
        await request.WriteJsonAsync(statement, RegistryJson.Default.ReservationStatement);
    }

    public async Task ReleaseAsync(HttpContext http, string name)
    {
        RegistryRequest request = authentication.Authorize(http, name, GrantActions.Push);
        await reservations.ReleaseAsync(name, request.Query("holder"), request.Aborted);
        http.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    private static async Task<ReservationRequest> ReadAsync(RegistryRequest request)
    {
        ReservationRequest wanted = await RequestDocument.ReadAsync(
            request, RegistryJson.Default.ReservationRequest, MaxDocument, "a JSON document with holder, bytes and lifetimeSeconds, and perhaps includesStored and owner (kind, namespace, name)");
        return Problem(wanted) is { } problem ? throw new RegistryException(RegistryError.DocumentInvalid, problem) : wanted;
    }

    private static string? Problem(ReservationRequest wanted) => wanted switch
    {
        { Bytes: < 0 or > MaxBytes } => $"bytes: {wanted.Bytes} must be between 0 and {MaxBytes}.",
        { Holder: null or { Length: 0 or > MaxText } } => $"holder: must have between 1 and {MaxText} characters.",
        { LifetimeSeconds: < 10 or > 86_400 } => $"lifetimeSeconds: {wanted.LifetimeSeconds} must be between 10 and 86400.",
        { Owner: { Name: null or { Length: 0 or > MaxText } } or { Kind: null or { Length: 0 or > MaxText } } or { Namespace: null or { Length: > MaxText } } } => "owner: kind and name are required and have at most 256 characters.",
        _ => null,
    };
}

/// <summary>The body of a reservation.</summary>
internal sealed record ReservationRequest
{
    /// <summary>Who asks, and for which attempt: the same holder asking for the same bytes again renews.</summary>
    public required string Holder { get; init; }

    public required long Bytes { get; init; }

    /// <summary>The bytes are the whole of what the repository will hold; what it holds already needs no room any more.</summary>
    public bool IncludesStored { get; init; }

    /// <summary>How long the room is kept after the last byte or renewal.</summary>
    public required long LifetimeSeconds { get; init; }

    public RepositoryOwner? Owner { get; init; }
}
