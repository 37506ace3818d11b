using System.Net;

namespace AiModels.Registry.Tests.Server.Api;

/// <summary>A body whose length no header tells: it is sent in pieces (chunked).</summary>
internal sealed class UnmeasuredContent(byte[] content) : HttpContent
{
    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => stream.WriteAsync(content).AsTask();

    protected override bool TryComputeLength(out long length)
    {
        length = 0;
        return false;
    }
}
