using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace AiModels.Hosting.Kubernetes;

/// <summary>Reads newline-delimited JSON documents from the body of a watch.</summary>
internal static class WatchStream
{
    public static async IAsyncEnumerable<JsonObject> ReadAsync(Stream stream, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var reader = PipeReader.Create(stream, new StreamPipeReaderOptions(bufferSize: 16 * 1024, leaveOpen: true));
        try
        {
            while (true)
            {
                ReadResult result = await reader.ReadAsync(cancellationToken);
                ReadOnlySequence<byte> buffer = result.Buffer;
                while (buffer.PositionOf((byte)'\n') is { } end)
                {
                    JsonObject? document = Parse(buffer.Slice(0, end));
                    buffer = buffer.Slice(buffer.GetPosition(1, end));
                    if (document != null) yield return document;
                }

                // A last line without its newline was cut off: the next list tells what it said.
                if (result.IsCompleted) yield break;
                reader.AdvanceTo(buffer.Start, buffer.End);
            }
        }
        finally
        {
            await reader.CompleteAsync();
        }
    }

    private static JsonObject? Parse(in ReadOnlySequence<byte> line)
    {
        if (line.Length <= 1) return null;
        var reader = new Utf8JsonReader(line);
        return JsonNode.Parse(ref reader) as JsonObject;
    }
}
