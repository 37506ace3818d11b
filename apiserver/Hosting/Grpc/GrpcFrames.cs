using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using Google.Protobuf;

namespace AiModels.Hosting.Grpc;

/// <summary>Length-prefixed messages on a byte stream: one byte "compressed", four bytes big-endian length, the message.</summary>
internal static class GrpcFrames
{
    /// <summary>Writes one message, uncompressed, without flushing.</summary>
    public static void Write<T>(IBufferWriter<byte> output, T message)
        where T : IMessage<T>
    {
        int size = message.CalculateSize();
        Span<byte> header = output.GetSpan(GrpcProtocol.FrameHeaderSize);
        header[0] = 0;
        BinaryPrimitives.WriteInt32BigEndian(header[1..], size);
        output.Advance(GrpcProtocol.FrameHeaderSize);
        if (size > 0)
        {
            message.WriteTo(output.GetSpan(size)[..size]);
            output.Advance(size);
        }
    }

    /// <summary>
    /// Reads messages until the stream ends. Throws <see cref="RpcException"/>: ResourceExhausted for a message above the limit (before its bytes are
    /// buffered), Internal for a compressed one (nothing but identity was agreed on), for one cut short, and for one that does not parse.
    /// </summary>
    public static async IAsyncEnumerable<T> ReadAllAsync<T>(
        PipeReader input, MessageParser<T> parser, int maxMessageSize, [EnumeratorCancellation] CancellationToken cancellationToken)
        where T : IMessage<T>
    {
        while (true)
        {
            ReadResult result = await input.ReadAsync(cancellationToken);
            ReadOnlySequence<byte> buffer = result.Buffer;
            if (TryParse(ref buffer, parser, maxMessageSize, out T? message))
            {
                input.AdvanceTo(buffer.Start);
                yield return message!;
                continue;
            }

            if (result.IsCompleted)
            {
                if (!buffer.IsEmpty)
                {
                    throw new RpcException(RpcCode.Internal, "the stream ended inside a message");
                }

                yield break;
            }

            input.AdvanceTo(buffer.Start, buffer.End);
        }
    }

    private static bool TryParse<T>(ref ReadOnlySequence<byte> buffer, MessageParser<T> parser, int maxMessageSize, out T? message)
        where T : IMessage<T>
    {
        message = default;
        if (buffer.Length < GrpcProtocol.FrameHeaderSize)
        {
            return false;
        }

        Span<byte> header = stackalloc byte[GrpcProtocol.FrameHeaderSize];
        buffer.Slice(0, GrpcProtocol.FrameHeaderSize).CopyTo(header);
        uint size = BinaryPrimitives.ReadUInt32BigEndian(header[1..]);
        if (header[0] != 0)
        {
            throw new RpcException(RpcCode.Internal, "a message is compressed, but no compression was agreed on");
        }

        if (size > maxMessageSize)
        {
            throw new RpcException(RpcCode.ResourceExhausted, $"a message has {size} bytes, more than the {maxMessageSize} that are accepted");
        }

        if (buffer.Length < GrpcProtocol.FrameHeaderSize + size)
        {
            return false;
        }

        try
        {
            message = parser.ParseFrom(buffer.Slice(GrpcProtocol.FrameHeaderSize, size));
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new RpcException(RpcCode.Internal, $"a message is not a {typeof(T).Name}: {e.Message}", e);
        }

        buffer = buffer.Slice(GrpcProtocol.FrameHeaderSize + size);
        return true;
    }
}
