using System.Buffers.Binary;
using System.Formats.Tar;
using System.IO.Compression;
using System.Text;
using AiModels.Controllers.Preparation.Archives;

namespace AiModels.Controllers.Tests.Preparation.Archives;

[TestClass]
public sealed class ArchiveReaderTests
{
    private static readonly (string Path, byte[] Content)[] Files =
    [
        ("model/config.json", "{}"u8.ToArray()),
        ("model/weights.safetensors", Pack.Noise(300_001, 1)),
        ("model/empty.txt", []),
        ("model/" + new string('d', 90) + "/" + new string('n', 90) + ".txt", Pack.Noise(513, 2)),
    ];

    public TestContext TestContext { get; set; } = null!;

    [TestMethod]
    [DataRow("ustar")]
    [DataRow("pax")]
    [DataRow("gnu")]
    [DataRow("gzip")]
    [DataRow("zstd")]
    [DataRow("zip")]
    [DataRow("zip-stored")]
    public async Task Read_EveryKind_GivesEveryFileBitForBit(string kind)
    {
        (IArchiveReader reader, byte[] bytes) = kind switch
        {
            "ustar" => ((IArchiveReader)new TarArchiveReader(), Pack.Tar(TarEntryFormat.Ustar, Files)),
            "pax" => (new TarArchiveReader(), Pack.Tar(TarEntryFormat.Pax, Files)),
            "gnu" => (new TarArchiveReader(), Pack.Tar(TarEntryFormat.Gnu, Files)),
            "gzip" => (new GzipTarReader(), Pack.Gzip(Pack.Tar(Files))),
            "zstd" => (new ZstdTarReader(), Pack.Zstd(Pack.Tar(Files))),
            "zip" => (new ZipArchiveReader(), Pack.Zip(Files)),
            _ => (new ZipArchiveReader(), Pack.Zip(CompressionLevel.NoCompression, Files)),
        };
        Assert.IsTrue(reader.HasSignature(bytes.AsSpan(0, 512)));

        Dictionary<string, byte[]> read = await ReadAll(reader, bytes);

        Assert.HasCount(Files.Length, read);
        foreach ((string path, byte[] content) in Files)
        {
            Assert.IsTrue(read[path].AsSpan().SequenceEqual(content), path);
        }
    }

    [TestMethod]
    [DataRow("tar")]
    [DataRow("gzip")]
    [DataRow("zstd")]
    [DataRow("zip")]
    public async Task Read_ContentPassedOver_GivesTheSamePathsAndLengths(string kind)
    {
        (IArchiveReader reader, byte[] bytes) = Make(kind, Files);
        var found = new Dictionary<string, long>();
        await foreach (ArchiveEntry entry in reader.ReadAsync(new MemorySource(bytes), TestContext.CancellationToken))
        {
            found[entry.Path] = entry.Length;
        }

        CollectionAssert.AreEquivalent(Files.Select(file => file.Path).ToArray(), found.Keys.ToArray());
        Assert.IsTrue(Files.All(file => found[file.Path] == file.Content.Length));
    }

    [TestMethod]
    [DataRow("tar")]
    [DataRow("zip")]
    public async Task Read_ContentPassedOver_IsNotFetchedFromTheSource(string kind)
    {
        (IArchiveReader reader, byte[] bytes) = Make(kind, [("big.bin", Pack.Noise(4_000_000, 3)), ("small.txt", [1])]);
        var source = new MemorySource(bytes);
        await foreach (ArchiveEntry entry in reader.ReadAsync(source, TestContext.CancellationToken))
        {
            Assert.AreNotEqual("", entry.Path);
        }

        Assert.IsLessThan(300_000, source.BytesRead);
    }

    [TestMethod]
    [DataRow("../escape.txt")]
    [DataRow("a/../../escape.txt")]
    [DataRow("/etc/passwd")]
    [DataRow("a\\b.txt")]
    [DataRow("C:/x.txt")]
    [DataRow("a//b.txt")]
    [DataRow("a/\u0001b.txt")]
    public async Task Read_PathThatLeavesTheArchive_NamesEntryAndRule(string path)
    {
        foreach (string kind in (string[])["tar", "gzip", "zstd", "zip"])
        {
            (IArchiveReader reader, byte[] bytes) = Make(kind, [("ok.txt", [1]), (path, [2])]);
            InvalidArchiveException error = await Assert.ThrowsExactlyAsync<InvalidArchiveException>(() => ReadAll(reader, bytes));
            StringAssert.Contains(error.Message, "relative paths that stay inside the archive", kind);
            StringAssert.Contains(error.Message, path.Replace("\u0001", "\\u0001"), kind);
        }
    }

    [TestMethod]
    public async Task Read_DuplicateOrCaseClash_IsRefused()
    {
        foreach (string kind in (string[])["tar", "gzip", "zip"])
        {
            foreach (string second in (string[])["a.txt", "A.txt", "a.txt/b"])
            {
                (IArchiveReader reader, byte[] bytes) = Make(kind, [("a.txt", [1]), (second, [2])]);
                await Assert.ThrowsExactlyAsync<InvalidArchiveException>(() => ReadAll(reader, bytes), $"{kind} {second}");
            }
        }
    }

    [TestMethod]
    [DataRow(TarEntryType.SymbolicLink)]
    [DataRow(TarEntryType.HardLink)]
    [DataRow(TarEntryType.CharacterDevice)]
    [DataRow(TarEntryType.BlockDevice)]
    [DataRow(TarEntryType.Fifo)]
    public async Task Read_TarWithLinkOrDevice_IsRefused(TarEntryType type)
    {
        var entry = new PaxTarEntry(type, "weights.gguf");
        if (type is TarEntryType.SymbolicLink or TarEntryType.HardLink)
        {
            entry.LinkName = "/etc/shadow";
        }

        InvalidArchiveException error = await Assert.ThrowsExactlyAsync<InvalidArchiveException>(() => ReadAll(new TarArchiveReader(), Pack.TarEntry(entry)));
        StringAssert.Contains(error.Message, "files and folders only");
    }

    [TestMethod]
    public async Task Read_ZipWithSymbolicLink_IsRefused()
    {
        using var stream = new MemoryStream();
        using (var zip = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true))
        {
            ZipArchiveEntry entry = zip.CreateEntry("link");
            entry.ExternalAttributes = unchecked((int)0xA1FF0000);
            using Stream content = entry.Open();
            content.Write("/etc/passwd"u8);
        }

        byte[] bytes = stream.ToArray();
        // "Version made by" says who wrote the attributes: 3 is Unix.
        bytes[bytes.AsSpan().IndexOf("PK\x01\x02"u8) + 5] = 3;
        InvalidArchiveException error = await Assert.ThrowsExactlyAsync<InvalidArchiveException>(() => ReadAll(new ZipArchiveReader(), bytes));
        StringAssert.Contains(error.Message, "symbolic link");
    }

    [TestMethod]
    public async Task Read_ZipWhoseLocalHeaderTellsAnotherName_IsRefused()
    {
        byte[] bytes = Pack.Zip(("good.txt", [1, 2, 3]));
        bytes[bytes.AsSpan().IndexOf("good.txt"u8)] = (byte)'x';
        InvalidArchiveException error = await Assert.ThrowsExactlyAsync<InvalidArchiveException>(() => ReadAll(new ZipArchiveReader(), bytes));
        StringAssert.Contains(error.Message, "local header");
    }

    [TestMethod]
    public async Task Read_ZipWithFlippedByte_FailsItsChecksum()
    {
        byte[] bytes = Pack.Zip(CompressionLevel.NoCompression, ("a.bin", Pack.Noise(1000, 4)));
        bytes[500] ^= 1;
        InvalidArchiveException error = await Assert.ThrowsExactlyAsync<InvalidArchiveException>(() => ReadAll(new ZipArchiveReader(), bytes));
        StringAssert.Contains(error.Message, "CRC-32");
    }

    [TestMethod]
    public async Task Read_ZipEntriesThatOverlap_AreRefused()
    {
        byte[] bytes = Pack.Zip(CompressionLevel.NoCompression, ("a.bin", Pack.Noise(1000, 4)), ("b.bin", Pack.Noise(1000, 5)));
        int second = bytes.AsSpan().LastIndexOf("PK\x01\x02"u8);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(second + 42), 0);
        InvalidArchiveException error = await Assert.ThrowsExactlyAsync<InvalidArchiveException>(() => ReadAll(new ZipArchiveReader(), bytes));
        StringAssert.Contains(error.Message, "upon another entry");
    }

    [TestMethod]
    [DataRow("zip")]
    [DataRow("gzip")]
    [DataRow("zstd")]
    public async Task Read_Bomb_IsRefusedBeforeItUnfolds(string kind)
    {
        // A header that claims 2 TiB costs nothing to write; the bytes behind it need not exist.
        byte[] tar = Pack.Tar(TarEntryFormat.Gnu, ("zeros.bin", [0]));
        SetTarSize(tar, 1L << 41);
        byte[] zip = Pack.Zip(("zeros.bin", new byte[100]));
        BinaryPrimitives.WriteUInt32LittleEndian(zip.AsSpan(zip.AsSpan().LastIndexOf("PK\x01\x02"u8) + 24), 0xFFFFFFF0);
        (IArchiveReader reader, byte[] bytes) = kind switch
        {
            "zip" => ((IArchiveReader)new ZipArchiveReader(), zip),
            "gzip" => (new GzipTarReader(), Pack.Gzip(tar)),
            _ => (new ZstdTarReader(), Pack.Zstd(tar)),
        };
        InvalidArchiveException error = await Assert.ThrowsExactlyAsync<InvalidArchiveException>(() => ReadAll(reader, bytes));
        StringAssert.Contains(error.Message, "100 times");
    }

    [TestMethod]
    public async Task Read_GzipWithADamagedByte_SaysThatItIsBroken()
    {
        byte[] bytes = Pack.Gzip(Pack.Tar(("a.bin", Pack.Noise(3000, 6))));
        bytes[^6] ^= 0xFF;
        InvalidArchiveException error = await Assert.ThrowsExactlyAsync<InvalidArchiveException>(() => ReadAll(new GzipTarReader(), bytes));
        StringAssert.Contains(error.Message, "the gzip stream is broken");
    }

    [TestMethod]
    public async Task Read_ZipWhoseDirectoryLiesAboutALength_BlamesTheZip()
    {
        byte[] bytes = Pack.Zip(("a.txt", new byte[100]));
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(bytes.AsSpan().LastIndexOf("PK\x01\x02"u8) + 24), 5);
        InvalidArchiveException error = await Assert.ThrowsExactlyAsync<InvalidArchiveException>(() => ReadAll(new ZipArchiveReader(), bytes));
        StringAssert.Contains(error.Message, "a.txt' has a local header that differs");
    }

    [TestMethod]
    public async Task Read_CutAnywhere_IsAnErrorAndNeverAShorterArchive()
    {
        foreach (string kind in (string[])["tar", "gzip", "zstd", "zip"])
        {
            (IArchiveReader reader, byte[] bytes) = Make(kind, [("a.bin", Pack.Noise(3000, 6)), ("b.bin", Pack.Noise(2000, 7))]);

            // A plain tar ends with a kilobyte of zeros, of which the first block is enough.
            int whole = kind == "tar" ? bytes.Length - 512 : bytes.Length;
            for (int length = 0; length < whole; length += length < whole - 40 ? 37 : 1)
            {
                byte[] cut = bytes[..length];
                bool isShorterArchive = false;
                try
                {
                    await ReadAll(reader, cut);
                    isShorterArchive = true;
                }
                catch (InvalidArchiveException)
                {
                    // As it should be.
                }

                Assert.IsFalse(isShorterArchive, $"{kind} cut to {length} of {bytes.Length} bytes");
            }
        }
    }

    [TestMethod]
    [Timeout(30_000, CooperativeCancellation = true)]
    public async Task Read_GzipOfSeveralMembers_IsWholeWithItsTrailerOnly()
    {
        (IArchiveReader reader, byte[] bytes) = Make("gzip", [("a.bin", Pack.Noise(3000, 6)), ("b.bin", Pack.Noise(2000, 7))]);
        var plain = new MemoryStream();
        await new GZipStream(new MemoryStream(bytes), CompressionMode.Decompress).CopyToAsync(plain, TestContext.CancellationToken);
        byte[] members = [.. Member(plain.ToArray()[..4000]), .. Member(plain.ToArray()[4000..]), .. Member([])];

        Assert.HasCount(2, await ReadAll(reader, members));
        Assert.HasCount(2, await ReadAll(reader, members[..^Member([]).Length]));
        await Assert.ThrowsExactlyAsync<InvalidArchiveException>(() => ReadAll(reader, members[..^(Member([]).Length + 8)]));

        static byte[] Member(byte[] content)
        {
            var packed = new MemoryStream();
            using (var gzip = new GZipStream(packed, CompressionLevel.Fastest))
            {
                gzip.Write(content);
            }

            // The framework writes nothing at all for no content; the format has an empty member (bgzip ends with one).
            return content.Length > 0 ? packed.ToArray() : [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        }
    }

    [TestMethod]
    [Timeout(30_000, CooperativeCancellation = true)]
    public async Task Read_RandomDamage_EndsInFilesOrAnErrorThatIsOurs()
    {
        foreach (string kind in (string[])["tar", "gzip", "zstd", "zip"])
        {
            (IArchiveReader reader, byte[] bytes) = Make(kind, Files);
            var random = new Random(42);
            for (int round = 0; round < 150; round++)
            {
                byte[] damaged = [.. bytes];
                for (int flip = random.Next(1, 6); flip > 0; flip--)
                {
                    // Headers are where the interesting damage is: the start, the end, and anywhere.
                    int at = random.Next(3) switch { 0 => random.Next(600), 1 => damaged.Length - 1 - random.Next(400), _ => random.Next(damaged.Length) };
                    damaged[at] = (byte)random.Next(256);
                }

                try
                {
                    await ReadAll(reader, damaged);
                }
                catch (InvalidArchiveException)
                {
                    // As it should be.
                }
            }
        }
    }

    [TestMethod]
    public async Task Read_DotSlashPrefixAndFolders_AreNormalised()
    {
        byte[] folder = Pack.TarEntry(new PaxTarEntry(TarEntryType.Directory, "./"));
        byte[] file = Pack.Tar(("./sub/config.json", [1]));
        int used = folder.AsSpan().LastIndexOfAnyExcept((byte)0) + 1;
        byte[] both = [.. folder[..used], .. new byte[-used & 511], .. file];
        Dictionary<string, byte[]> read = await ReadAll(new TarArchiveReader(), both);
        Assert.AreEqual("sub/config.json", read.Keys.Single());
    }

    private static (IArchiveReader Reader, byte[] Bytes) Make(string kind, (string Path, byte[] Content)[] files) => kind switch
    {
        "tar" => (new TarArchiveReader(), Pack.Tar(files)),
        "gzip" => (new GzipTarReader(), Pack.Gzip(Pack.Tar(files))),
        "zstd" => (new ZstdTarReader(), Pack.Zstd(Pack.Tar(files))),
        _ => (new ZipArchiveReader(), Pack.Zip(files)),
    };

    private static void SetTarSize(byte[] tar, long size)
    {
        tar.AsSpan(124, 12).Clear();
        tar[124] = 0x80;
        BinaryPrimitives.WriteInt64BigEndian(tar.AsSpan(128), size);
        tar.AsSpan(148, 8).Fill((byte)' ');
        int sum = tar.Take(512).Sum(b => b);
        Encoding.ASCII.GetBytes(Convert.ToString(sum, 8).PadLeft(6, '0') + "\0 ").CopyTo(tar, 148);
    }

    private async Task<Dictionary<string, byte[]>> ReadAll(IArchiveReader reader, byte[] bytes)
    {
        var files = new Dictionary<string, byte[]>();
        await foreach (ArchiveEntry entry in reader.ReadAsync(new MemorySource(bytes), TestContext.CancellationToken))
        {
            using var content = new MemoryStream();
            await entry.Content.CopyToAsync(content, TestContext.CancellationToken);
            Assert.AreEqual(entry.Length, content.Length);
            files[entry.Path] = content.ToArray();
        }

        return files;
    }
}
