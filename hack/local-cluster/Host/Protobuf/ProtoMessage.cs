using System.Globalization;
using System.Text.Json.Nodes;

namespace AiModels.LocalCluster.Host.Protobuf;

/// <summary>How a field of a Kubernetes protobuf message becomes JSON.</summary>
internal enum ProtoKind
{
    Text,
    Bytes,
    Integer,
    Flag,
    Message,

    /// <summary>map of string to string.</summary>
    TextMap,

    /// <summary>map of string to bytes (base64 in JSON).</summary>
    BytesMap,

    /// <summary>metav1.Time.</summary>
    Time,

    /// <summary>resource.Quantity.</summary>
    Quantity,

    /// <summary>map of string to resource.Quantity.</summary>
    QuantityMap,
}

/// <summary>One field: its JSON name, its kind, whether it repeats, and its message.</summary>
internal sealed record ProtoField(string Name, ProtoKind Kind = ProtoKind.Text, bool IsList = false, ProtoMessage? Message = null);

/// <summary>The fields of a message by number. What it does not name is left out.</summary>
internal sealed class ProtoMessage(Dictionary<int, ProtoField> fields)
{
    private static readonly ProtoMessage Seconds = new(new() { [1] = new("seconds", ProtoKind.Integer) });
    private static readonly ProtoMessage QuantityText = new(new() { [1] = new("string") });

    public JsonObject Read(ReadOnlySpan<byte> data)
    {
        var result = new JsonObject();
        var reader = new ProtoReader(data);
        while (reader.Next(out int number, out ReadOnlySpan<byte> bytes, out ulong value))
        {
            if (!fields.TryGetValue(number, out ProtoField? field)) continue;
            if (field.Kind is ProtoKind.TextMap or ProtoKind.BytesMap or ProtoKind.QuantityMap) AddEntry(result, field, bytes);
            else if (field.IsList) ((JsonArray)(result[field.Name] ??= new JsonArray())).Add(Value(field, bytes, value));
            else if (Value(field, bytes, value) is { } node) result[field.Name] = node;
        }

        return result;
    }

    private static JsonNode? Value(ProtoField field, ReadOnlySpan<byte> bytes, ulong value) => field.Kind switch
    {
        ProtoKind.Text => bytes.Length == 0 && !field.IsList ? null : JsonValue.Create(System.Text.Encoding.UTF8.GetString(bytes)),
        ProtoKind.Bytes => JsonValue.Create(Convert.ToBase64String(bytes)),
        ProtoKind.Integer => JsonValue.Create((long)value),
        ProtoKind.Flag => JsonValue.Create(value != 0),
        ProtoKind.Time => Time(bytes),
        ProtoKind.Quantity => QuantityText.Read(bytes)["string"]?.DeepClone(),
        _ => field.Message!.Read(bytes),
    };

    private static void AddEntry(JsonObject result, ProtoField field, ReadOnlySpan<byte> bytes)
    {
        ProtoKind kind = field.Kind switch { ProtoKind.BytesMap => ProtoKind.Bytes, ProtoKind.QuantityMap => ProtoKind.Quantity, _ => ProtoKind.Text };
        JsonObject entry = new ProtoMessage(new() { [1] = new("key"), [2] = new("value", kind) }).Read(bytes);
        ((JsonObject)(result[field.Name] ??= new JsonObject()))[(string?)entry["key"] ?? ""] = entry["value"]?.DeepClone() ?? "";
    }

    private static JsonNode? Time(ReadOnlySpan<byte> bytes) => Seconds.Read(bytes)["seconds"] is { } seconds
        ? JsonValue.Create(DateTimeOffset.FromUnixTimeSeconds((long)seconds).ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture))
        : null;
}
