using System.Buffers;
using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Storage;

namespace AiModels.ApiMachinery.Resources;

/// <summary>An object as the store gave it, or as a dry run would have stored it: bytes to send as they are, parsed only when somebody asks.</summary>
public sealed class ResourceObject(ReadOnlyMemory<byte> value, long revision)
{
    public ResourceObject(StoredObject stored)
        : this(stored.Value, stored.Revision)
    {
    }

    /// <summary>The stored bytes, without resourceVersion.</summary>
    public ReadOnlyMemory<byte> Value { get; } = value;

    /// <summary>0 when it was not stored (a dry-run create).</summary>
    public long Revision { get; } = revision;

    /// <summary>A fresh document with its resourceVersion; the caller may change it.</summary>
    public JsonObject ToJson() => ObjectBytes.Decode(Value, Revision);

    /// <summary>The object's JSON with its resourceVersion.</summary>
    public void WriteTo(IBufferWriter<byte> output) => ObjectBytes.Splice(output, Value.Span, Revision);
}
