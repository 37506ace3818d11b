using AiModels.ModelPack.Grants;
using AiModels.Registry.Capacity;
using AiModels.Registry.GarbageCollection;
using AiModels.Registry.Grants;
using AiModels.Registry.Storage;

namespace AiModels.Registry.Api;

/// <summary>
/// What our own components ask beside the distribution API:
/// <c>DELETE /repositories/NAME</c> forgets a repository (202, a <see cref="CleanupRequest"/>), GET tells how far that is;
/// <c>GET /accounting/repositories/NAME</c> and <c>GET /accounting/grants/ID</c> tell bytes moved; <c>GET /collection</c> what garbage collection did last.
/// </summary>
internal sealed class HousekeepingEndpoints(
    GrantAuthentication authentication, ManifestStore manifests, CleanupRequests cleanups, GarbageCollector collector, TransferAccounts accounts, ReservationBook reservations,
    RepositoryOwners owners)
{
    public async Task DeleteRepositoryAsync(HttpContext http, string name)
    {
        RegistryRequest request = authentication.Authorize(http, name, GrantActions.Delete);
        await reservations.ReleaseAsync(name, holder: null, request.Aborted);
        owners.Forget(name);
        CleanupRequest? cleanup = await manifests.RepositoryExistsAsync(name, request.Aborted)
            ? await cleanups.QueueAsync(name, request.Aborted)
            : await cleanups.FindAsync(name, request.Aborted);
        await request.WriteJsonAsync(cleanup ?? throw Unknown(name), RegistryJson.Default.CleanupRequest, status: StatusCodes.Status202Accepted);
    }

    public async Task GetRepositoryAsync(HttpContext http, string name)
    {
        RegistryRequest request = authentication.Authorize(http, name, GrantActions.Delete);
        CleanupRequest cleanup = await cleanups.FindAsync(name, request.Aborted) ?? throw Unknown(name);
        await request.WriteJsonAsync(cleanup, RegistryJson.Default.CleanupRequest);
    }

    public async Task GetRepositoryAccountsAsync(HttpContext http, string name)
    {
        RegistryRequest request = authentication.Authorize(http, name, GrantActions.Pull);
        await request.WriteJsonAsync([.. accounts.OfRepository(name)], RegistryJson.Default.TransferAccountArray);
    }

    public async Task GetGrantAccountsAsync(HttpContext http, string id)
    {
        Caller caller = authentication.Authenticate(http, "", GrantActions.Pull);
        TransferAccount[] visible = [.. accounts.OfGrant(id).Where(account => caller.Id == id || caller.Allows(account.Repository, GrantActions.Pull))];
        await new RegistryRequest(http, "", id, caller).WriteJsonAsync(visible, RegistryJson.Default.TransferAccountArray);
    }

    public async Task GetCollectionAsync(HttpContext http)
    {
        Caller caller = authentication.Authenticate(http, "", GrantActions.Pull);
        List<CleanupRequest> requests = [];
        await foreach (CleanupRequest request in cleanups.ListAsync(http.RequestAborted))
        {
            requests.Add(request);
        }

        var statement = new CollectionStatement
        {
            State = collector.Running is not null ? CollectionStanding.Running
                : requests.Any(request => request.State == CleanupState.Queued) ? CollectionStanding.Queued
                : requests.Count > 0 ? CollectionStanding.Armed
                : CollectionStanding.Done,

            // What others own is not told to everybody who may read something.
            Cleanups = [.. requests.Where(request => caller.Allows(request.Repository, GrantActions.Pull))],
            Running = await collector.ReadRunningAsync(http.RequestAborted),
            Last = await collector.ReadStateAsync(http.RequestAborted),
        };
        await new RegistryRequest(http, "", "", caller).WriteJsonAsync(statement, RegistryJson.Default.CollectionStatement);
    }

    private static RegistryException Unknown(string name) => new(RegistryError.NameUnknown, $"There is no repository {name}.");
}
