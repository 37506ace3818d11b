using System.Buffers;
using AiModels.ApiMachinery.Resources;

namespace AiModels.ApiMachinery.Handlers;

/// <summary>
/// A watch event straight from stored bytes, which all watchers of a change share: nothing is encoded, and nothing is kept beside what the store keeps.
/// </summary>
internal static class WatchLine
{
    /// <summary><c>{"type":…,"object":…}</c> and a newline (contract W20). Returns how many bytes that is.</summary>
    public static int Write(IBufferWriter<byte> output, string type, ReadOnlySpan<byte> value, long revision)
    {
        ReadOnlySpan<byte> start = StartOf(type), end = "}\n"u8;
        output.Write(start);
        ObjectBytes.Splice(output, value, revision);
        output.Write(end);
        return start.Length + (int)ObjectBytes.SplicedLength(value.Length, revision) + end.Length;
    }

    private static ReadOnlySpan<byte> StartOf(string type) => type switch
    {
        "ADDED" => "{\"type\":\"ADDED\",\"object\":"u8,
        "MODIFIED" => "{\"type\":\"MODIFIED\",\"object\":"u8,
        "DELETED" => "{\"type\":\"DELETED\",\"object\":"u8,
        _ => throw new ArgumentException($"'{type}' is no change of an object.", nameof(type)),
    };
}
