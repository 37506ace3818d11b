using AiModels.ApiMachinery.Errors;
using AiModels.ApiMachinery.Http;
using AiModels.ApiMachinery.Negotiation;
using AiModels.ApiMachinery.Resources;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace AiModels.ApiMachinery.Handlers;

/// <summary>GET of one object (contract 4.4), also of its /status, which is the whole object.</summary>
internal sealed class GetHandler(IOptions<ApiMachineryOptions> options, TimeProvider time)
{
    public async Task HandleAsync(HttpContext context, RequestInfo info, ServedResource resource)
    {
        Negotiated negotiated = Negotiated.For(context);
        if (context.Request.QueryString.HasValue)
        {
            await CheckQueryAsync(context, resource);
        }

        ResourceObject obj = await resource.Store.GetAsync(info.Namespace, info.Name, context.RequestAborted);
        await ObjectWriter.WriteAsync(context, negotiated, 200, resource.Definition, obj, time.GetUtcNow());
    }

    private async ValueTask CheckQueryAsync(HttpContext context, ServedResource resource)
    {
        IQueryCollection query = context.Request.Query;
        if (query.ContainsKey("export") && RequestInfo.IsTrue(query, "export"))
        {
            throw ApiError.BadRequest("the export parameter, deprecated since v1.14, is no longer supported");
        }

        long revision = ListQuery.RevisionOf(query.First("resourceVersion"), isWatchOrGet: true);
        if (revision > 0)
        {
            await RevisionWait.UntilAsync(resource.Objects, revision, options.Value.FutureRevisionWait, time, context.RequestAborted);
        }
    }
}
