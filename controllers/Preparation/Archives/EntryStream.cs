using AiModels.ModelPack;

namespace AiModels.Controllers.Preparation.Archives;

/// <summary>
/// The content of one archive entry: exactly as many bytes as announced, with the announced checksum when there is one. Too few, too many or other bytes
/// are an <see cref="InvalidArchiveException"/> when the end is reached.
/// </summary>
/// <param name="content">Where the bytes come from.</param>
/// <param name="crc32">Announced checksum.</param>
/// <param name="isWhole">The content ends where the entry ends; otherwise other entries follow in it.</param>
/// <param name="ownsContent">Whether disposing this disposes the content.</param>
internal sealed class EntryStream(Stream content, string archive, string entry, long length, uint? crc32, bool isWhole, bool ownsContent) : ForwardOnlyStream
{
    private Crc32 _crc = Crc32.Start;
    private bool _isChecked;

    /// <summary>Bytes given so far.</summary>
    public long Consumed { get; private set; }

    public override long Length => length;

    public override long Position => Consumed;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        long left = length - Consumed;
        if (left == 0)
        {
            await CheckEndAsync(cancellationToken);
            return 0;
        }

        int read = await ReadSomeAsync(buffer[..(int)Math.Min(buffer.Length, left)], cancellationToken);
        if (read == 0 && !buffer.IsEmpty)
        {
            throw new InvalidArchiveException(archive, entry, $"ends after {Consumed} of {length} bytes: the archive is cut short or damaged.");
        }

        if (crc32 is not null)
        {
            _crc = _crc.Add(buffer.Span[..read]);
        }

        Consumed += read;
        return read;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing && ownsContent)
        {
            content.Dispose();
        }

        base.Dispose(disposing);
    }

    private async ValueTask CheckEndAsync(CancellationToken cancellationToken)
    {
        if (_isChecked || !isWhole)
        {
            return;
        }

        _isChecked = true;
        if (await ReadSomeAsync(new byte[1], cancellationToken) != 0)
        {
            throw new InvalidArchiveException(archive, entry, $"unfolds to more than the {length} bytes it announces.");
        }

        if (crc32 is { } expected && _crc.Value != expected)
        {
            throw new InvalidArchiveException(archive, entry, $"is damaged: its CRC-32 is {_crc.Value:x8} and {expected:x8} is announced. Pack and upload it again.");
        }
    }

    private async ValueTask<int> ReadSomeAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        try
        {
            return await content.ReadAsync(buffer, cancellationToken);
        }
        catch (Exception e) when (e is InvalidDataException or EndOfStreamException)
        {
            throw new InvalidArchiveException(archive, entry, $"is damaged: {e.Message}");
        }
    }
}
