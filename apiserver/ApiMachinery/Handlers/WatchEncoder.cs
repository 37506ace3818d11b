using System.Buffers;
using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Negotiation;
using AiModels.ApiMachinery.Resources;

namespace AiModels.ApiMachinery.Handlers;

/// <summary>Watch events as lines, in the shape that was asked for.</summary>
internal sealed class WatchEncoder(Negotiated negotiated, ServedResource resource, TimeProvider time)
{
    private const string InitialEventsEnd = "k8s.io/initial-events-end";
    private bool _hasSentColumns;

    /// <summary>Writes the event of a change; returns its length in bytes.</summary>
    public int Change(IBufferWriter<byte> output, string type, ReadOnlyMemory<byte> value, long revision) =>
        negotiated.Transform == Transform.None
            ? WatchLine.Write(output, type, value.Span, revision)
            : Line(output, type, Shaped(value, revision));

    private JsonObject Shaped(ReadOnlyMemory<byte> value, long revision)
    {
        JsonObject obj = ObjectBytes.Decode(value, revision);
        if (negotiated.Transform != Transform.Table)
        {
            return TableWriter.Partial(obj, negotiated.MetaVersion);
        }

        // kubectl prints headings when columns come: with the first event only (contract N10).
        var metadata = new JsonObject { ["resourceVersion"] = revision.ToString() };
        JsonObject table = TableWriter.Write(
            resource.Definition, metadata, [obj], negotiated, time.GetUtcNow(), withColumns: !_hasSentColumns);
        _hasSentColumns = true;
        return table;
    }

    public void Bookmark(IBufferWriter<byte> output, long revision, bool isEndOfInitialEvents)
    {
        var metadata = new JsonObject { ["resourceVersion"] = revision.ToString(), ["creationTimestamp"] = null };
        if (isEndOfInitialEvents)
        {
            metadata["annotations"] = new JsonObject { [InitialEventsEnd] = "true" };
        }

        var bookmark = new JsonObject
        {
            ["kind"] = resource.Definition.Kind,
            ["apiVersion"] = resource.Definition.ApiVersion,
            ["metadata"] = metadata,
        };
        Line(output, "BOOKMARK", negotiated.Transform switch
        {
            Transform.Table => TableWriter.Bookmark(bookmark, negotiated.MetaVersion),
            Transform.None => bookmark,
            _ => TableWriter.Partial(bookmark, negotiated.MetaVersion),
        });
    }

    public void Error(IBufferWriter<byte> output, JsonObject status) => Line(output, "ERROR", status.DeepClone().AsObject());

    private static int Line(IBufferWriter<byte> output, string type, JsonObject obj)
    {
        byte[] line = ObjectBytes.ToBody(new JsonObject { ["type"] = type, ["object"] = obj }, isPretty: false);
        output.Write(line);
        return line.Length;
    }
}
