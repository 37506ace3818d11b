using System.Buffers;
using System.Text;
using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Negotiation;
using AiModels.ApiMachinery.Resources;
using AiModels.ApiMachinery.Storage;
using Microsoft.AspNetCore.Http;

namespace AiModels.ApiMachinery.Handlers;

/// <summary>Writes lists. The common case copies stored bytes and parses nothing.</summary>
internal static class ListWriter
{
    private const int FlushFrom = 256 * 1024;

    public static async Task WriteAsync(HttpContext context, Negotiated negotiated, ResourceDefinition definition, ListPage page, DateTimeOffset now)
    {
        if (!negotiated.IsVerbatim)
        {
            await ObjectWriter.WriteAsync(context, negotiated, 200, Document(negotiated, definition, page, now));
            return;
        }

        HttpResponse response = context.Response;
        response.StatusCode = 200;
        response.ContentType = MediaTypes.Json;
        if (IsCompressed(context, page))
        {
            await using Stream gzip = Gzip.Open(response);
            var buffer = new ArrayBufferWriter<byte>(FlushFrom + 16 * 1024);
            await CopyAsync(buffer, definition, page, async isEnd =>
            {
                if (isEnd || buffer.WrittenCount >= FlushFrom)
                {
                    await gzip.WriteAsync(buffer.WrittenMemory, context.RequestAborted);
                    buffer.ResetWrittenCount();
                }
            });
        }
        else
        {
            response.ContentLength = page.Rest is null ? LengthOf(definition, page) : null;
            await CopyAsync(response.BodyWriter, definition, page, async isEnd =>
            {
                if (isEnd || response.BodyWriter.UnflushedBytes >= FlushFrom)
                {
                    await response.BodyWriter.FlushAsync(context.RequestAborted);
                }
            });
        }
    }

    /// <summary>The list as a document, in the shape asked for.</summary>
    public static JsonObject Document(Negotiated negotiated, ResourceDefinition definition, ListPage page, DateTimeOffset now)
    {
        var metadata = new JsonObject { ["resourceVersion"] = page.Revision.ToString() };
        if (page.Continue.Length > 0 || negotiated.Transform == Transform.None)
        {
            metadata["continue"] = page.Continue;
        }

        if (page.Remaining is { } remaining)
        {
            metadata["remainingItemCount"] = remaining;
        }

        IEnumerable<JsonObject> objects = page.Objects.Select(stored => ObjectBytes.Decode(stored.Value, stored.Revision));
        if (negotiated.Transform == Transform.Table)
        {
            return TableWriter.Write(definition, metadata, objects, negotiated, now);
        }

        bool isPartial = negotiated.Transform == Transform.PartialObjectMetadataList;
        JsonArray items = [];
        foreach (JsonObject obj in objects)
        {
            items.Add((JsonNode)(isPartial ? TableWriter.Partial(obj, negotiated.MetaVersion) : obj));
        }

        return new JsonObject
        {
            ["kind"] = isPartial ? "PartialObjectMetadataList" : definition.Kind + "List",
            ["apiVersion"] = isPartial ? negotiated.MetaVersion : definition.ApiVersion,
            ["metadata"] = metadata,
            ["items"] = items,
        };
    }

    private static async Task CopyAsync(IBufferWriter<byte> output, ResourceDefinition definition, ListPage page, Func<bool, ValueTask> flush)
    {
        output.Write(Encoding.UTF8.GetBytes(Head(definition, page)));
        await CopyAsync(output, page.Objects, isFirst: true, flush);
        if (page.Rest is not null)
        {
            await foreach (IReadOnlyList<StoredObject> objects in page.Rest)
            {
                await CopyAsync(output, objects, isFirst: false, flush);
            }
        }

        output.Write(Tail);
        await flush(true);
    }

    private static async ValueTask CopyAsync(IBufferWriter<byte> output, IReadOnlyList<StoredObject> objects, bool isFirst, Func<bool, ValueTask> flush)
    {
        for (int i = 0; i < objects.Count; i++)
        {
            if (i > 0 || !isFirst)
            {
                output.Write(","u8);
            }

            ObjectBytes.Splice(output, objects[i].Value.Span, objects[i].Revision);
            await flush(false);
        }
    }

    private static ReadOnlySpan<byte> Tail => "]}\n"u8;

    private static string Head(ResourceDefinition definition, ListPage page) =>
        $"{{\"kind\":\"{definition.Kind}List\",\"apiVersion\":\"{definition.ApiVersion}\",\"metadata\":{{\"continue\":\"{page.Continue}\",\"resourceVersion\":\"{page.Revision}\""
        + (page.Remaining is { } remaining ? $",\"remainingItemCount\":{remaining}" : "") + "},\"items\":[";

    // Known beforehand, so that the answer needs no chunks and its size can be told.
    private static long LengthOf(ResourceDefinition definition, ListPage page)
    {
        long length = Encoding.UTF8.GetByteCount(Head(definition, page)) + Tail.Length + Math.Max(0, page.Objects.Count - 1);
        foreach (StoredObject stored in page.Objects)
        {
            length += ObjectBytes.SplicedLength(stored.Value.Length, stored.Revision);
        }

        return length;
    }

    private static bool IsCompressed(HttpContext context, ListPage page)
    {
        if (!Gzip.IsTaken(context))
        {
            return false;
        }

        long bytes = page.Rest is null ? 0 : Gzip.From;
        foreach (StoredObject stored in page.Objects)
        {
            bytes += stored.Value.Length;
            if (bytes > Gzip.From)
            {
                return true;
            }
        }

        return false;
    }
}
