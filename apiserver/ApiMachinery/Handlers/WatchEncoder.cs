using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Negotiation;
using AiModels.ApiMachinery.Resources;
using AiModels.ApiMachinery.Storage;

namespace AiModels.ApiMachinery.Handlers;

/// <summary>Watch events as lines, in the shape that was asked for. Plain ones are shared with the other watchers.</summary>
internal sealed class WatchEncoder(Negotiated negotiated, ServedResource resource, TimeProvider time)
{
    private const string InitialEventsEnd = "k8s.io/initial-events-end";
    private bool _hasSentColumns;

    /// <summary>An event whose object is the stored one.</summary>
    public ReadOnlyMemory<byte> Event(string type, StoredObject stored) =>
        negotiated.Transform == Transform.None ? resource.WatchEvents.Get(type, stored) : Event(type, stored.Value, stored.Revision);

    /// <summary>An event whose object is another state, or one that few will see.</summary>
    public ReadOnlyMemory<byte> Event(string type, ReadOnlyMemory<byte> value, long revision)
    {
        if (negotiated.Transform == Transform.None)
        {
            return SharedWatchEvents.Encode(type, value.Span, revision);
        }

        JsonObject obj = ObjectBytes.Decode(value, revision);
        if (negotiated.Transform != Transform.Table)
        {
            return Line(type, TableWriter.Partial(obj));
        }

        // kubectl prints headings when columns come: with the first event only (contract N10).
        var metadata = new JsonObject { ["resourceVersion"] = revision.ToString() };
        JsonObject table = TableWriter.Write(
            resource.Definition, metadata, [obj], negotiated.IncludeObject, time.GetUtcNow(), withColumns: !_hasSentColumns);
        _hasSentColumns = true;
        return Line(type, table);
    }

    public ReadOnlyMemory<byte> Bookmark(long revision, bool isEndOfInitialEvents)
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
        return Line("BOOKMARK", negotiated.Transform switch
        {
            Transform.Table => TableWriter.Bookmark(bookmark),
            Transform.None => bookmark,
            _ => TableWriter.Partial(bookmark),
        });
    }

    public ReadOnlyMemory<byte> Error(JsonObject status) => Line("ERROR", status.DeepClone().AsObject());

    private static byte[] Line(string type, JsonObject obj) => ObjectBytes.ToBody(new JsonObject { ["type"] = type, ["object"] = obj }, isPretty: false);
}
