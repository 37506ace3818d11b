using System.Runtime.CompilerServices;
using AiModels.ModelPack;

namespace AiModels.Controllers.Preparation.Archives;

/// <summary>A tar inside one compressed stream: read from beginning to end, whatever is wanted of it.</summary>
internal abstract class CompressedTarReader : IArchiveReader
{
    public abstract string Name { get; }

    public abstract IReadOnlyList<string> Extensions { get; }

    public abstract bool HasSignature(ReadOnlySpan<byte> start);

    public async IAsyncEnumerable<ArchiveEntry> ReadAsync(IByteSource archive, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var guard = new ArchiveGuard(archive.Name, archive.Length);
        await using Stream compressed = await archive.OpenAsync(0, cancellationToken);
        await using Stream expanding = Decompress(compressed, archive.Length);
        await using var plain = new GuardedStream(expanding, guard);
        await foreach (ArchiveEntry entry in new TarEntries(plain, archive.Name, guard).ReadAsync(cancellationToken))
        {
            yield return entry;
        }

        await DrainAsync(plain, archive.Name, cancellationToken);
    }

    /// <summary>The plain bytes. Damage shows as <see cref="InvalidDataException"/> when it is reached, at the latest at the end.</summary>
    protected abstract Stream Decompress(Stream compressed, long length);

    /// <summary>After the tar's own end come padding and the compressed stream's checksum, which only reading to the end verifies.</summary>
    private static async Task DrainAsync(Stream plain, string archive, CancellationToken cancellationToken)
    {
        byte[] buffer = new byte[64 * 1024];
        try
        {
            while (await plain.ReadAsync(buffer, cancellationToken) > 0)
            {
                // Nothing is wanted of these bytes.
            }
        }
        catch (InvalidDataException e)
        {
            throw new InvalidArchiveException(archive, null, $"it is damaged: {e.Message}");
        }
    }

    /// <summary>Counts what comes out against the guard's bound.</summary>
    private sealed class GuardedStream(Stream inner, ArchiveGuard guard) : ForwardOnlyStream
    {
        private long _total;

        public override long Position => _total;

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            int read = await inner.ReadAsync(buffer, cancellationToken);
            _total += read;
            guard.CheckUnpacked(_total);
            return read;
        }
    }
}

/// <summary>tar.gz and tgz.</summary>
internal sealed class GzipTarReader : CompressedTarReader
{
    public override string Name => "tar.gz";

    public override IReadOnlyList<string> Extensions { get; } = [".tar.gz", ".tgz"];

    public override bool HasSignature(ReadOnlySpan<byte> start) => start.StartsWith((ReadOnlySpan<byte>)[0x1F, 0x8B, 0x08]);

    protected override Stream Decompress(Stream compressed, long length) => new GzipMembersStream(compressed);
}

/// <summary>tar.zst, tar.zstd and tzst.</summary>
internal sealed class ZstdTarReader : CompressedTarReader
{
    public override string Name => "tar.zst";

    public override IReadOnlyList<string> Extensions { get; } = [".tar.zst", ".tar.zstd", ".tzst"];

    public override bool HasSignature(ReadOnlySpan<byte> start) => start.StartsWith((ReadOnlySpan<byte>)[0x28, 0xB5, 0x2F, 0xFD]);

    protected override Stream Decompress(Stream compressed, long length) => new ZstdStream(compressed);
}
