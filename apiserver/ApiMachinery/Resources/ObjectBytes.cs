using System.Buffers;
using System.Buffers.Text;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace AiModels.ApiMachinery.Resources;

/// <summary>
/// How objects lie in the store: <c>{"apiVersion":…,"kind":…,"metadata":{…},…}</c> without metadata.resourceVersion, encoded once per write.
/// A reader copies the bytes and puts the revision in right after <c>"metadata":{</c>, so no read has to parse.
/// </summary>
public static class ObjectBytes
{
    private static readonly JsonWriterOptions Compact = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };
    private static readonly JsonWriterOptions Indented = Compact with { Indented = true, IndentSize = 2 };
    private static ReadOnlySpan<byte> MetadataStart => "\"metadata\":{"u8;
    private static ReadOnlySpan<byte> VersionStart => "\"resourceVersion\":\""u8;

    /// <summary>Room that <see cref="Splice"/> needs beside the value: the field's name, quotes, comma and 19 digits.</summary>
    public const int SpliceOverhead = 48;

    /// <summary>Encodes an object for the store. Its metadata must hold a field beside resourceVersion, which every object's does.</summary>
    public static byte[] Encode(JsonObject obj)
    {
        var buffer = new ArrayBufferWriter<byte>(4096);
        using (var writer = new Utf8JsonWriter(buffer, Compact))
        {
            writer.WriteStartObject();
            Copy(writer, obj, "apiVersion");
            Copy(writer, obj, "kind");
            writer.WriteStartObject("metadata");
            foreach ((string name, JsonNode? value) in obj["metadata"]!.AsObject())
            {
                if (name != "resourceVersion")
                {
                    WriteField(writer, name, value);
                }
            }

            writer.WriteEndObject();
            foreach ((string name, JsonNode? value) in obj)
            {
                if (name is not ("apiVersion" or "kind" or "metadata"))
                {
                    WriteField(writer, name, value);
                }
            }

            writer.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>Writes a stored value with its revision as metadata.resourceVersion; revision 0 (a dry run) writes none.</summary>
    public static void Splice(IBufferWriter<byte> output, ReadOnlySpan<byte> value, long revision)
    {
        if (revision == 0)
        {
            output.Write(value);
            return;
        }

        int at = value.IndexOf(MetadataStart) + MetadataStart.Length;
        Span<byte> target = output.GetSpan(value.Length + SpliceOverhead);
        value[..at].CopyTo(target);
        int length = at;
        VersionStart.CopyTo(target[length..]);
        length += VersionStart.Length;
        Utf8Formatter.TryFormat(revision, target[length..], out int digits);
        length += digits;
        "\","u8.CopyTo(target[length..]);
        length += 2;
        value[at..].CopyTo(target[length..]);
        output.Advance(length + value.Length - at);
    }

    /// <summary>Bytes that <see cref="Splice"/> writes of a value of <paramref name="length"/> bytes.</summary>
    public static long SplicedLength(long length, long revision)
    {
        if (revision == 0)
        {
            return length;
        }

        int digits = 1;
        for (long rest = revision; rest >= 10; rest /= 10)
        {
            digits++;
        }

        return length + VersionStart.Length + digits + 2;
    }

    /// <summary>A fresh document of a stored value, resourceVersion included.</summary>
    public static JsonObject Decode(ReadOnlyMemory<byte> value, long revision)
    {
        JsonObject obj = JsonNode.Parse(value.Span)!.AsObject();
        if (revision != 0)
        {
            obj["metadata"]!.AsObject().Insert(0, "resourceVersion", revision.ToString());
        }

        return obj;
    }

    /// <summary>Any document as UTF-8, with a newline at the end (contract E12).</summary>
    public static byte[] ToBody(JsonNode node, bool isPretty)
    {
        var buffer = new ArrayBufferWriter<byte>(4096);
        using (var writer = new Utf8JsonWriter(buffer, isPretty ? Indented : Compact))
        {
            node.WriteTo(writer);
        }

        buffer.Write("\n"u8);
        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>A document as text, as error messages quote it.</summary>
    public static string ToText(JsonNode node)
    {
        byte[] body = ToBody(node, isPretty: false);
        return Encoding.UTF8.GetString(body.AsSpan(0, body.Length - 1));
    }

    private static void Copy(Utf8JsonWriter writer, JsonObject obj, string name) => writer.WriteString(name, (string)obj[name]!);

    private static void WriteField(Utf8JsonWriter writer, string name, JsonNode? value)
    {
        writer.WritePropertyName(name);
        if (value is null)
        {
            writer.WriteNullValue();
        }
        else
        {
            value.WriteTo(writer);
        }
    }
}
