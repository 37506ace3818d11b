using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;

namespace AiModels.Controllers.Preparation.Archives;

/// <summary>
/// The entries of a tar stream: ustar, pax (path and size of extended headers) and GNU long names. A stream that can seek is not read where nobody wants its
/// bytes. Links, devices and sparse files are refused.
/// </summary>
/// <param name="openAt">Opens the tar from an offset, where that is possible.</param>
internal sealed class TarEntries(Stream stream, string archive, ArchiveGuard guard, Func<long, CancellationToken, ValueTask<Stream>>? openAt = null)
{
    // Long names and extended headers: paths have at most a kilobyte, everything else in them is not for us.
    private const long ExtendedHeaderLimit = 1024 * 1024;

    private readonly byte[] _block = new byte[TarHeader.BlockSize];
    private string? _longName;
    private string? _paxPath;
    private long? _paxSize;

    public async IAsyncEnumerable<ArchiveEntry> ReadAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        while (await NextHeaderAsync(cancellationToken) is { } header)
        {
            string name = _paxPath ?? _longName ?? header.Name;
            long size = _paxSize ?? header.Size;
            (_longName, _paxPath, _paxSize) = (null, null, null);
            switch (header.Type)
            {
                case '0' or '7':
                    string path = guard.File(name, size);
                    var content = new EntryStream(stream, archive, path, size, crc32: null, isWhole: false, ownsContent: false);
                    yield return new ArchiveEntry(path, size, content) { OpenAt = OpenAt(path, size) };
                    await SkipAsync(size - content.Consumed, path, cancellationToken);
                    await SkipPaddingAsync(size, path, cancellationToken);
                    break;
                case '5':
                    guard.Folder(name);
                    await SkipAsync(size, name, cancellationToken);
                    await SkipPaddingAsync(size, name, cancellationToken);
                    break;
                default:
                    throw guard.NotAFile(name, Describe(header));
            }
        }

        guard.Finish();
    }

    private Func<long, CancellationToken, ValueTask<Stream>>? OpenAt(string path, long size)
    {
        if (openAt is null)
        {
            return null;
        }

        long start = stream.Position;
        return async (offset, cancellationToken) => new EntryStream(
            await openAt(start + offset, cancellationToken), archive, path, size - offset, crc32: null, isWhole: false, ownsContent: true);
    }

    private static string Describe(TarHeader header) => header.Type switch
    {
        '1' => $"a hard link to '{header.LinkName}'",
        '2' => $"a symbolic link to '{header.LinkName}'",
        '3' or '4' => "a device",
        '6' => "a pipe",
        'S' => "a sparse file",
        _ => $"of the unknown type '{header.Type}'",
    };

    private Task SkipPaddingAsync(long size, string entry, CancellationToken cancellationToken) =>
        SkipAsync(-size & (TarHeader.BlockSize - 1), entry, cancellationToken);

    /// <summary>The next header that stands for an entry, with what the special headers before it said. Null at the end.</summary>
    private async Task<TarHeader?> NextHeaderAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            int read = await ReadBlockAsync(cancellationToken);
            if (read == 0)
            {
                throw new InvalidArchiveException(archive, null, "it ends without the empty block that ends a tar: it is cut short.");
            }

            if (TarHeader.IsEnd(_block))
            {
                return null;
            }

            TarHeader header = TarHeader.Parse(_block) ?? throw new InvalidArchiveException(archive, null, "it is damaged: a header's checksum or size is wrong.");
            switch (header.Type)
            {
                case 'L':
                    _longName = TarHeader.Text(await ReadExtendedAsync(header, cancellationToken));
                    break;
                case 'K':
                    // The target of a link: the link itself is refused when it comes.
                    await ReadExtendedAsync(header, cancellationToken);
                    break;
                case 'x':
                    ApplyPax(await ReadExtendedAsync(header, cancellationToken));
                    break;
                case 'g':
                    // Defaults for all entries; git writes a comment there, and nobody a path or a size.
                    await ReadExtendedAsync(header, cancellationToken);
                    break;
                default:
                    return header;
            }
        }
    }

    private async Task<int> ReadBlockAsync(CancellationToken cancellationToken)
    {
        int read = await Guarded(() => stream.ReadAtLeastAsync(_block, _block.Length, throwOnEndOfStream: false, cancellationToken).AsTask());
        return read is 0 or TarHeader.BlockSize ? read : throw new InvalidArchiveException(archive, null, "it is cut short inside a header.");
    }

    private async Task<byte[]> ReadExtendedAsync(TarHeader header, CancellationToken cancellationToken)
    {
        if (header.Size > ExtendedHeaderLimit)
        {
            throw new InvalidArchiveException(archive, header.Name, $"has an extended header of {header.Size} bytes; at most {ExtendedHeaderLimit} are read.");
        }

        byte[] content = new byte[header.Size];
        int read = await Guarded(() => stream.ReadAtLeastAsync(content, content.Length, throwOnEndOfStream: false, cancellationToken).AsTask());
        if (read < content.Length)
        {
            throw new InvalidArchiveException(archive, null, "it is cut short inside an extended header.");
        }

        await SkipPaddingAsync(header.Size, header.Name, cancellationToken);
        return content;
    }

    /// <summary>Records "LENGTH KEY=VALUE\n".</summary>
    private void ApplyPax(ReadOnlySpan<byte> records)
    {
        while (!records.IsEmpty)
        {
            int space = records.IndexOf((byte)' ');
            if (space < 1 || !int.TryParse(Encoding.ASCII.GetString(records[..space]), NumberStyles.None, CultureInfo.InvariantCulture, out int length)
                || length <= space + 2 || length > records.Length || records[length - 1] != (byte)'\n')
            {
                throw new InvalidArchiveException(archive, null, "it is damaged: an extended header cannot be read.");
            }

            ReadOnlySpan<byte> record = records[(space + 1)..(length - 1)];
            int equals = record.IndexOf((byte)'=');
            if (equals > 0)
            {
                ApplyPax(Encoding.UTF8.GetString(record[..equals]), Encoding.UTF8.GetString(record[(equals + 1)..]));
            }

            records = records[length..];
        }
    }

    private void ApplyPax(string key, string value)
    {
        if (key == "path")
        {
            _paxPath = value;
        }
        else if (key == "size")
        {
            _paxSize = long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out long size)
                ? size
                : throw new InvalidArchiveException(archive, _paxPath, $"has the size '{value}', which is no number.");
        }
        else if (key.StartsWith("GNU.sparse.", StringComparison.Ordinal))
        {
            throw guard.NotAFile(_paxPath ?? "?", "a sparse file");
        }
    }

    private async Task SkipAsync(long count, string entry, CancellationToken cancellationToken)
    {
        if (count == 0)
        {
            return;
        }

        if (stream.CanSeek)
        {
            if (count > stream.Length - stream.Position)
            {
                throw new InvalidArchiveException(archive, entry, "is cut short: the archive ends inside it.");
            }

            stream.Position += count;
            return;
        }

        try
        {
            await Guarded(async () =>
            {
                await StreamSkip.SkipAsync(stream, count, cancellationToken);
                return 0;
            });
        }
        catch (EndOfStreamException)
        {
            throw new InvalidArchiveException(archive, entry, "is cut short: the archive ends inside it.");
        }
    }

    private async Task<TResult> Guarded<TResult>(Func<Task<TResult>> read)
    {
        try
        {
            return await read();
        }
        catch (InvalidDataException e)
        {
            throw new InvalidArchiveException(archive, null, $"it is damaged: {e.Message}");
        }
    }
}
