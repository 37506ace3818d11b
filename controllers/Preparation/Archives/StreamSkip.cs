using System.Buffers;

namespace AiModels.Controllers.Preparation.Archives;

/// <summary>Passing over bytes of streams that can only be read.</summary>
internal static class StreamSkip
{
    /// <summary>Passes over bytes. Throws <see cref="EndOfStreamException"/> when the stream ends before.</summary>
    public static async Task SkipAsync(Stream stream, long count, CancellationToken cancellationToken)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(128 * 1024);
        try
        {
            while (count > 0)
            {
                int read = await stream.ReadAsync(buffer.AsMemory(0, (int)Math.Min(buffer.Length, count)), cancellationToken);
                count -= read > 0 ? read : throw new EndOfStreamException($"The stream ended {count} bytes early.");
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
