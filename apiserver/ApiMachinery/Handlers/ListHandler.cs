using System.Runtime.CompilerServices;
using AiModels.ApiMachinery.Errors;
using AiModels.ApiMachinery.Http;
using AiModels.ApiMachinery.Negotiation;
using AiModels.ApiMachinery.Resources;
using AiModels.ApiMachinery.Storage;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace AiModels.ApiMachinery.Handlers;

/// <summary>GET of a collection: consistent, chunked, selected (contract 4.5).</summary>
internal sealed class ListHandler(IOptions<ApiMachineryOptions> options, TimeProvider time)
{
    // With selectors a page is looked for in steps of at least so many objects.
    private const int ScanStep = 500;

    // A list without end is read and written in steps of about 2 MiB: little enough to be garbage before it is old, enough to make the steps' own cost small.
    private const int StreamStep = 500;
    private const long StreamBytes = 2 << 20;

    public async Task HandleAsync(HttpContext context, RequestInfo info, ServedResource resource)
    {
        Negotiated negotiated = Negotiated.For(context);
        if (negotiated.Transform == Transform.PartialObjectMetadata)
        {
            throw ApiError.NotAcceptable(
                $"you requested PartialObjectMetadata, but the requested object is a list (*{resource.Definition.Version}.{resource.Definition.Kind}List)");
        }

        ListQuery query = ListQuery.Parse(context, info, resource.Definition);
        ListPage page = await ReadAsync(resource, info.Namespace, query, negotiated.IsVerbatim, context.RequestAborted);
        await ListWriter.WriteAsync(context, negotiated, resource.Definition, page, time.GetUtcNow());
    }

    /// <summary>One page of what the query selects.</summary>
    /// <param name="mayStream">Whether <see cref="ListPage.Rest"/> may hold a part of it.</param>
    public async ValueTask<ListPage> ReadAsync(
        ServedResource resource, string @namespace, ListQuery query, bool mayStream, CancellationToken cancellationToken)
    {
        string prefix = resource.Store.PrefixOf(@namespace);
        (long revision, string? after, int limit) = await StartAsync(resource.Objects, prefix, query, cancellationToken);
        try
        {
            return query.SelectsAll && limit == 0 && mayStream
                ? await StreamAsync(resource.Objects, new ListRequest { Prefix = prefix, Revision = revision, After = after }, cancellationToken)
                : query.SelectsAll
                ? PageOf(await resource.Objects.ListAsync(
                    new ListRequest { Prefix = prefix, Revision = revision, After = after, Limit = limit }, cancellationToken), prefix, limit)
                : await ScanAsync(resource, @namespace, prefix, revision, after, limit, query, cancellationToken);
        }
        catch (RevisionCompactedException) when (query.Continue.Length > 0)
        {
            throw ApiError.ContinueExpired(new ContinueToken(-1, after![prefix.Length..]).Encode());
        }
        catch (RevisionCompactedException)
        {
            throw ApiError.Expired("The resourceVersion for the provided list is too old.");
        }
        catch (RevisionInFutureException future)
        {
            throw ApiError.ResourceVersionTooLarge(future.Requested, future.Current);
        }
    }

    /// <summary>At which revision, after which key, and how many (contract L3).</summary>
    private async ValueTask<(long Revision, string? After, int Limit)> StartAsync(
        IObjectStore store, string prefix, ListQuery query, CancellationToken cancellationToken)
    {
        if (query.Continue.Length > 0)
        {
            ContinueToken token = ContinueToken.Decode(query.Continue);
            if (query.Revision != 0)
            {
                throw ApiError.BadRequest("specifying resource version is not allowed when using continue");
            }

            return (Math.Max(0, token.Revision), prefix + token.Start, query.ResourceVersion == "0" ? 0 : query.Limit);
        }

        if (query.Revision == 0)
        {
            return (0, null, query.ResourceVersion == "0" && query.Match != "Exact" ? 0 : query.Limit);
        }

        await RevisionWait.UntilAsync(store, query.Revision, options.Value.FutureRevisionWait, time, cancellationToken);
        bool isExact = query.Match == "Exact" || (query.Match.Length == 0 && query.Limit > 0);
        return (isExact ? query.Revision : 0, null, query.Limit);
    }

    private static ListPage PageOf(StoredList list, string prefix, int limit) => new(
        list.Revision,
        list.Objects,
        limit > 0 && list.Remaining > 0 ? new ContinueToken(list.Revision, list.Objects[^1].Key.ToString()[prefix.Length..]).Encode() : "",
        limit > 0 && list.Remaining > 0 ? list.Remaining : null);

    /// <summary>The whole list, of which only the first step is read: so far an error can still be answered.</summary>
    private static async ValueTask<ListPage> StreamAsync(IObjectStore store, ListRequest request, CancellationToken cancellationToken)
    {
        StoredList first = await store.ListAsync(request with { Limit = StreamStep, CountsRemaining = false }, cancellationToken);
        return new ListPage(first.Revision, first.Objects, "", null)
        {
            Rest = first.Remaining > 0 ? RestAsync(store, request with { Revision = first.Revision, CountsRemaining = false }, first, cancellationToken) : null,
        };
    }

    // The next step is under way while one is written. All are of the first one's revision; when that is compacted meanwhile, the answer breaks off.
    private static async IAsyncEnumerable<IReadOnlyList<StoredObject>> RestAsync(
        IObjectStore store, ListRequest request, StoredList before, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        Task<StoredList> next = NextAsync(before);
        while (true)
        {
            StoredList step = await next;
            next = step.Remaining > 0 ? NextAsync(step) : next;
            yield return step.Objects;
            if (step.Remaining == 0)
            {
                yield break;
            }
        }

        Task<StoredList> NextAsync(StoredList last)
        {
            long bytes = last.Objects.Sum(stored => (long)stored.Value.Length);
            int limit = (int)Math.Clamp(StreamBytes * last.Objects.Count / Math.Max(bytes, 1), 1, 4 * StreamStep);
            return store.ListAsync(request with { After = last.Objects[^1].Key.ToString(), Limit = limit }, cancellationToken).AsTask();
        }
    }

    private static async ValueTask<ListPage> ScanAsync(
        ServedResource resource, string @namespace, string prefix, long revision, string? after, int limit, ListQuery query,
        CancellationToken cancellationToken)
    {
        ObjectFilter filter = new(query);

        // One name is one key: no scan.
        if (revision == 0 && query.Fields.Name is { } name && (!resource.IsNamespaced || @namespace.Length > 0))
        {
            long before = await resource.Objects.GetRevisionAsync(cancellationToken);
            StoredObject? stored = await resource.Objects.GetAsync(resource.Store.KeyOf(@namespace, name), cancellationToken);
            return stored is not null && filter.Matches(stored.Value, stored.Revision)
                ? new ListPage(Math.Max(before, stored.Revision), [stored], "", null)
                : new ListPage(before, [], "", null);
        }

        List<StoredObject> selected = [];
        while (true)
        {
            StoredList list = await resource.Objects.ListAsync(
                new ListRequest { Prefix = prefix, Revision = revision, After = after, Limit = Math.Max(limit, ScanStep), CountsRemaining = false },
                cancellationToken);
            revision = list.Revision;
            for (int i = 0; i < list.Objects.Count; i++)
            {
                StoredObject stored = list.Objects[i];
                if (!filter.Matches(stored.Value, stored.Revision))
                {
                    continue;
                }

                selected.Add(stored);
                if (selected.Count == limit)
                {
                    bool hasMore = i + 1 < list.Objects.Count || list.Remaining > 0;
                    return new ListPage(
                        revision, selected, hasMore ? new ContinueToken(revision, stored.Key.ToString()[prefix.Length..]).Encode() : "", null);
                }
            }

            if (list.Remaining == 0)
            {
                return new ListPage(revision, selected, "", null);
            }

            after = list.Objects[^1].Key.ToString();
        }
    }
}

/// <summary>A page of a list as it is answered.</summary>
/// <param name="Continue">Empty at the end.</param>
/// <param name="Remaining">Null when it is not known.</param>
internal sealed record ListPage(long Revision, IReadOnlyList<StoredObject> Objects, string Continue, long? Remaining)
{
    /// <summary>What follows <see cref="Objects"/> in the same answer and is read while it is written, so that a long list is never in memory as a whole.</summary>
    public IAsyncEnumerable<IReadOnlyList<StoredObject>>? Rest { get; init; }
}
