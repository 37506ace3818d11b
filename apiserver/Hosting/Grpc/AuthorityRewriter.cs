using System.Buffers;
using System.IO.Pipelines;

namespace AiModels.Hosting.Grpc;

/// <summary>
/// Replaces the <c>:authority</c> of incoming HTTP/2 requests by <c>localhost</c>. Why: grpc-go clients that dial a socket by its path (kubelet's plugin
/// watcher, older sidecars) send the path as authority, <c>/csi/csi.sock</c> or <c>%2Fcsi%2Fcsi.sock</c>, which is no host name, and Kestrel resets such a
/// stream before any middleware sees it. On a unix socket the authority says nothing, so nothing is lost.
/// <para>
/// Only header blocks are touched, and in them only literals that name <c>:authority</c> by its static index (RFC 7541, 6.2). The HPACK tables stay in
/// step: both sides add one entry, ours shorter or longer by some bytes, in a table of 4096.
/// </para>
/// </summary>
internal sealed class AuthorityRewriter : IDuplexPipe
{
    private const int AuthorityIndex = 1; // RFC 7541, appendix A
    private static readonly byte[] Replacement = [9, .. "localhost"u8];
    private readonly Http2HeaderFilter _filter = new(Rewrite);

    public AuthorityRewriter(IDuplexPipe transport)
    {
        Output = transport.Output;
        var rewritten = new Pipe(new PipeOptions(useSynchronizationContext: false));
        Input = rewritten.Reader;
        _ = PumpAsync(transport.Input, rewritten.Writer); // ends with the connection: its only reader and only writer are the two pipes
    }

    public PipeReader Input { get; }

    public PipeWriter Output { get; }

    private static bool Rewrite(int nameIndex, ReadOnlySpan<byte> name, ReadOnlySpan<byte> value, IBufferWriter<byte> output)
    {
        if (nameIndex != AuthorityIndex)
        {
            return false;
        }

        output.Write(name);
        output.Write(Replacement);
        return true;
    }

    private async Task PumpAsync(PipeReader from, PipeWriter to)
    {
        Exception? failure = null;
        try
        {
            while (true)
            {
                ReadResult read = await from.ReadAsync();
                ReadOnlySequence<byte> rest = _filter.Copy(read.Buffer, to);
                if (read.IsCompleted)
                {
                    foreach (ReadOnlyMemory<byte> segment in rest)
                    {
                        to.Write(segment.Span); // a frame cut short: let the server say so
                    }
                }

                from.AdvanceTo(read.IsCompleted ? read.Buffer.End : rest.Start, read.Buffer.End);
                FlushResult flushed = await to.FlushAsync();
                if (read.IsCompleted || read.IsCanceled || flushed.IsCompleted)
                {
                    break;
                }
            }
        }
        catch (Exception e)
        {
            failure = e; // the server meets it when it reads on
        }

        await to.CompleteAsync(failure);
        await from.CompleteAsync(failure);
    }
}
