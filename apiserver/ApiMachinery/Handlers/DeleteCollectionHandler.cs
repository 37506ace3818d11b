using AiModels.ApiMachinery.Errors;
using AiModels.ApiMachinery.Http;
using AiModels.ApiMachinery.Negotiation;
using AiModels.ApiMachinery.Resources;
using AiModels.ApiMachinery.Storage;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace AiModels.ApiMachinery.Handlers;

/// <summary>DELETE of a collection: one page of what the query selects, each object as if deleted alone; the answer lists them as they were (contract X10).</summary>
internal sealed class DeleteCollectionHandler(IOptions<ApiMachineryOptions> options, TimeProvider time, ListHandler lists)
{
    // The store commits in groups, so some concurrency saves most of the waiting.
    private const int Concurrency = 16;

    public async Task HandleAsync(HttpContext context, RequestInfo info, ServedResource resource)
    {
        Negotiated negotiated = Negotiated.For(context);
        DeleteQuery query = await DeleteQuery.ReadAsync(context, options.Value.MaximumRequestBytes);
        ListQuery selection = ListQuery.Parse(context, info, resource.Definition);
        ListPage page = await lists.ReadAsync(resource, info.Namespace, selection, mayStream: false, context.RequestAborted);
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = Concurrency, CancellationToken = context.RequestAborted };

        // One that is refused keeps others from being begun and takes nothing from those on their way: only the client's going does.
        await Parallel.ForEachAsync(page.Objects, parallel, async (stored, _) =>
            await DeleteAsync(resource, stored.Key, query.Options, context.RequestAborted));
        WarningHeaders.Add(context, query.Options.Warnings);
        await ListWriter.WriteAsync(context, negotiated, resource.Definition, page, time.GetUtcNow());
    }

    private static async Task DeleteAsync(ServedResource resource, ObjectKey key, DeleteOptions options, CancellationToken cancellationToken)
    {
        try
        {
            await resource.Store.DeleteAsync(key.Namespace, key.Name, options, cancellationToken);
        }
        catch (ApiException gone) when (gone.Code == 404)
        {
            // Somebody else deleted it: that is what was asked for.
        }
    }
}
