using System.Buffers;
using System.Net;
using System.Net.Http.Headers;

namespace AiModels.ModelPack.Client;

/// <summary>A request body that is in memory in pieces. Can be sent again, which is what makes a blob upload retryable.</summary>
internal sealed class ReadOnlySequenceContent : HttpContent
{
    private readonly ReadOnlySequence<byte> _content;

    public ReadOnlySequenceContent(ReadOnlySequence<byte> content, string mediaType)
    {
        _content = content;
        Headers.ContentType = MediaTypeHeaderValue.Parse(mediaType);
        Headers.ContentLength = content.Length;
    }

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        foreach (ReadOnlyMemory<byte> part in _content)
        {
            await stream.WriteAsync(part, cancellationToken);
        }
    }

    protected override bool TryComputeLength(out long length)
    {
        length = _content.Length;
        return true;
    }
}
