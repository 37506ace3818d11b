using System.Buffers;
using System.Runtime.CompilerServices;
using System.Text;
using AiModels.ApiMachinery.Storage;

namespace AiModels.ApiMachinery.Resources;

/// <summary>
/// Watch events as bytes, so that hundreds of watchers of the same change share one encoding. An encoding lives as long as the event that the store holds
/// for its watchers, so that it is bounded by what the store keeps.
/// </summary>
internal sealed class SharedWatchEvents
{
    private readonly ConditionalWeakTable<StoredObject, Entry> _lines = [];

    /// <summary>The line of an event whose object is <paramref name="stored"/> at its own revision.</summary>
    public ReadOnlyMemory<byte> Get(string type, StoredObject stored)
    {
        if (!_lines.TryGetValue(stored, out Entry? entry))
        {
            entry = _lines.GetValue(stored, key => new Entry(type, Encode(type, key.Value.Span, key.Revision)));
        }

        // A selector may make of the same change an ADDED for one watcher and a MODIFIED for another.
        return entry.Type == type ? entry.Line : Encode(type, stored.Value.Span, stored.Revision);
    }

    /// <summary><c>{"type":…,"object":…}</c> and a newline (contract W20).</summary>
    public static ReadOnlyMemory<byte> Encode(string type, ReadOnlySpan<byte> value, long revision)
    {
        var buffer = new ArrayBufferWriter<byte>(value.Length + ObjectBytes.SpliceOverhead + 48);
        buffer.Write("{\"type\":\""u8);
        buffer.Advance(Encoding.ASCII.GetBytes(type, buffer.GetSpan(type.Length)));
        buffer.Write("\",\"object\":"u8);
        ObjectBytes.Splice(buffer, value, revision);
        buffer.Write("}\n"u8);
        return buffer.WrittenMemory;
    }

    private sealed record Entry(string Type, ReadOnlyMemory<byte> Line);
}
