namespace AiModels.TestKit;

/// <summary>A content that begins with some bytes and goes on with zeros for as long as is wanted: no memory, and a digest that nobody waits for.</summary>
public sealed class HugeContent(byte[] beginning, long length) : FakeContent
{
    public override long Length => length;

    public override string Sha256 { get; } = new('f', 64);

    public override string GitOid => throw new NotSupportedException("Files of this size are in LFS, where git knows the pointer only.");

    public override ValueTask ReadAsync(long offset, Memory<byte> target, CancellationToken cancellationToken)
    {
        target.Span.Clear();
        if (offset < beginning.Length)
        {
            ReadOnlySpan<byte> part = beginning.AsSpan((int)offset);
            part[..Math.Min(part.Length, target.Length)].CopyTo(target.Span);
        }

        return ValueTask.CompletedTask;
    }
}
