using AiModels.ModelPack.Grants;
using AiModels.Registry.GarbageCollection;
using AiModels.Registry.Grants;
using AiModels.Registry.Inspection;
using AiModels.Registry.Storage;

namespace AiModels.Registry.Api;

/// <summary>
/// What an operator asks, with a grant to <see cref="GrantActions.Inspect"/>: <c>GET /inspect/usage</c> (registry du), <c>GET /inspect/digests/DIGEST</c> (registry explain),
/// <c>GET /collection/plan</c> (registry gc --dry-run) and <c>POST /collection</c> (registry gc).
/// </summary>
internal sealed class InspectionEndpoints(GrantAuthentication authentication, ContentInspector inspector, GarbageCollector collector)
{
    public async Task GetUsageAsync(HttpContext http)
    {
        RegistryRequest request = authentication.AuthorizeInspection(http);
        await request.WriteJsonAsync(await inspector.UsageAsync(request.Aborted), RegistryJson.Default.UsageReport);
    }

    public async Task ExplainAsync(HttpContext http, string digest)
    {
        RegistryRequest request = authentication.AuthorizeInspection(http);
        await request.WriteJsonAsync(await inspector.ExplainAsync(RegistryRequest.RequireDigest(digest), request.Aborted), RegistryJson.Default.DigestReport);
    }

    public async Task GetPlanAsync(HttpContext http)
    {
        RegistryRequest request = authentication.AuthorizeInspection(http);
        await request.WriteJsonAsync(await inspector.PlanAsync(request.Aborted), RegistryJson.Default.CollectionPlan);
    }

    public async Task CollectAsync(HttpContext http)
    {
        RegistryRequest request = authentication.AuthorizeInspection(http);
        CollectionState state = await collector.TryCollectAsync(request.Aborted) ?? throw new RegistryException(RegistryError.Unavailable, "Another process is collecting; try again later.");
        await request.WriteJsonAsync(state, RegistryJson.Default.CollectionState);
    }
}
