using System.Formats.Tar;
using System.IO.Compression;
using System.Text;
using AiModels.ModelPack.Compression;

namespace AiModels.Controllers.Tests.Preparation.Archives;

/// <summary>Makes archives for tests.</summary>
internal static class Pack
{
    public static byte[] Tar(TarEntryFormat format, params (string Path, byte[] Content)[] files)
    {
        using var stream = new MemoryStream();
        using (var writer = new TarWriter(stream, format, leaveOpen: true))
        {
            foreach ((string path, byte[] content) in files)
            {
                TarEntryType type = format == TarEntryFormat.V7 ? TarEntryType.V7RegularFile : TarEntryType.RegularFile;
                TarEntry entry = format switch
                {
                    TarEntryFormat.V7 => new V7TarEntry(type, path),
                    TarEntryFormat.Ustar => new UstarTarEntry(type, path),
                    TarEntryFormat.Gnu => new GnuTarEntry(type, path),
                    _ => new PaxTarEntry(type, path),
                };
                entry.DataStream = new MemoryStream(content);
                writer.WriteEntry(entry);
            }
        }

        return stream.ToArray();
    }

    public static byte[] Tar(params (string Path, byte[] Content)[] files) => Tar(TarEntryFormat.Pax, files);

    public static byte[] TarEntry(TarEntry entry)
    {
        using var stream = new MemoryStream();
        using (var writer = new TarWriter(stream, entry.Format, leaveOpen: true))
        {
            writer.WriteEntry(entry);
        }

        return stream.ToArray();
    }

    public static byte[] Gzip(byte[] plain)
    {
        using var stream = new MemoryStream();
        using (var gzip = new GZipStream(stream, CompressionLevel.Fastest, leaveOpen: true))
        {
            gzip.Write(plain);
        }

        return stream.ToArray();
    }

    public static byte[] Zstd(byte[] plain)
    {
        var compressor = ZstdCompressor.Shared;
        using var stream = new MemoryStream();
        foreach (byte[] piece in plain.Chunk(1 << 20))
        {
            byte[] frame = new byte[compressor.MaxCompressedLength(piece.Length)];
            stream.Write(frame, 0, compressor.Compress(piece, frame));
        }

        return stream.ToArray();
    }

    public static byte[] Zip(CompressionLevel level, params (string Path, byte[] Content)[] files)
    {
        using var stream = new MemoryStream();
        using (var zip = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true, Encoding.UTF8))
        {
            foreach ((string path, byte[] content) in files)
            {
                using Stream entry = zip.CreateEntry(path, level).Open();
                entry.Write(content);
            }
        }

        return stream.ToArray();
    }

    public static byte[] Zip(params (string Path, byte[] Content)[] files) => Zip(CompressionLevel.Fastest, files);

    public static byte[] Noise(int length, int seed)
    {
        byte[] bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }
}
