using System.Text;
using AiModels.ModelPack.Chunking;
using AiModels.ModelPack.Format;
using AiModels.ModelPack.Oci;

namespace AiModels.Registry.Tests.ModelPack.Format;

[TestClass]
public sealed class ModelPackManifestTests
{
    private static readonly ModelDescription Description = new() { Family = "llama", Format = "gguf", ParamSize = "8B", InputTypes = ["text"], ToolUsage = true };

    [TestMethod]
    public void Build_OfEqualFilesInAnyOrder_GivesEqualBytes()
    {
        FileEntry[] files = [Chunked("model.safetensors", 3), Whole("config.json"), Whole("README.md"), Whole("a/b.py")];
        PackedManifest first = ModelPackManifest.Build(files, Description);
        PackedManifest second = ModelPackManifest.Build(files.Reverse(), Description);
        Assert.AreEqual(first.Digest, second.Digest);
        CollectionAssert.AreEqual(new[] { "README.md", "a/b.py", "config.json", "model.safetensors" }, first.Files.Select(file => file.Path).ToArray());
    }

    [TestMethod]
    public void Build_OfKnownFiles_GivesTheKnownManifest()
    {
        // The artifact's digest is public contract: a change here makes every model of the world look new.
        PackedManifest packed = ModelPackManifest.Build([Whole("tiny.gguf"), Chunked("big.gguf", 2)], Description);
        const string Config = """{"descriptor":{"family":"llama"},"config":{"format":"gguf","paramSize":"8B","capabilities":{"inputTypes":["text"],"toolUsage":true}},"modelfs":{"type":"layers","diffIds":["sha256:4bf5122f344554c53bde2ebb8cd2b7e3d1600ad631c385a5d7cce23c7785459a","sha256:dbc1b4c900ffe48d575b5da5c638040125f65db0fe3e24494b76ea986457d986","sha256:6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"]}}""";
        Assert.AreEqual(Config, Encoding.UTF8.GetString(packed.Config.Span));
        string manifest = Encoding.UTF8.GetString(packed.Content.Span);
        StringAssert.StartsWith(manifest, """{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","artifactType":"application/vnd.cncf.model.manifest.v1+json","config":{"mediaType":"application/vnd.cncf.model.config.v1+json","digest":"sha256:""");
        StringAssert.Contains(manifest, """{"mediaType":"application/vnd.deckhouse.ai-models.chunk.v1.zstd","digest":"sha256:""");
        StringAssert.Contains(manifest, "\"annotations\":{\"ai.deckhouse.io/length\":\"16777216\",\"ai.deckhouse.io/offset\":\"16777216\",\"org.cncf.model.filepath\":\"big.gguf\"}");
        StringAssert.Contains(manifest, """{"mediaType":"application/vnd.cncf.model.weight.v1.raw","digest":"sha256:6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d","size":1,"annotations":{"org.cncf.model.filepath":"tiny.gguf"}}""");
    }

    [TestMethod]
    public void ReadFiles_OfWhatWasBuilt_GivesTheFiles()
    {
        PackedManifest packed = ModelPackManifest.Build([Chunked("model.safetensors", 3), Whole("config.json"), Whole("x/README.md")], Description);
        ModelPackConfig config = ModelPackConfig.Parse(packed.Config);
        IReadOnlyList<FileEntry> files = ModelPackManifest.ReadFiles(Manifest.Parse(packed.Content), config);

        Assert.AreEqual(packed.Files.Count, files.Count);
        foreach ((FileEntry expected, FileEntry actual) in packed.Files.Zip(files))
        {
            Assert.AreEqual(expected.Path, actual.Path);
            CollectionAssert.AreEqual(expected.Chunks.ToArray(), actual.Chunks.ToArray());
        }

        Assert.AreEqual("llama", config.Description.Family);
        Assert.IsTrue(config.Description.ToolUsage);
    }

    [TestMethod]
    public void Build_OfATebibyte_StaysBelowFourMebibytes()
    {
        const long Total = 1L << 40;
        int chunkSize = ChunkSize.For(Total);
        const int Files = 64;
        string path = "model-{0:00000}-of-00064.safetensors";
        PackedManifest packed = ModelPackManifest.Build(
            Enumerable.Range(1, Files).Select(i => Chunked(string.Format(path, i), (int)(Total / Files / chunkSize), chunkSize, seed: i)), Description);
        Assert.AreEqual(Total, packed.LogicalBytes);
        Assert.IsLessThan(4 * 1024 * 1024, packed.Content.Length);
        Assert.HasCount(Files, ModelPackManifest.ReadFiles(Manifest.Parse(packed.Content), ModelPackConfig.Parse(packed.Config)));
    }

    [TestMethod]
    [DataRow(0L, 16)]
    [DataRow(128L << 30, 16)]
    [DataRow((128L << 30) + 1, 32)]
    [DataRow(256L << 30, 32)]
    [DataRow(1L << 40, 128)]
    [DataRow(1L << 50, 1024)]
    public void ChunkSize_OfATotal_KeepsTheCountBounded(long total, int mebibytes) => Assert.AreEqual(mebibytes * 1024 * 1024, ChunkSize.For(total));

    [TestMethod]
    [DataRow("../x", "..")]
    [DataRow("/x", "absolute")]
    [DataRow("a//b", "empty name")]
    [DataRow("a/./b", "'.'")]
    [DataRow("a\\b", "backslash")]
    [DataRow("a\nb", "U+000A")]
    [DataRow("", "empty")]
    [DataRow("c:/x", "absolute")]
    [DataRow("a/", "empty name")]
    public void Build_WithAPathThatMayNotBeUsed_SaysWhy(string path, string why)
    {
        ModelPackFormatException error = Assert.ThrowsExactly<ModelPackFormatException>(() => ModelPackManifest.Build([Whole(path)], Description));
        StringAssert.Contains(error.Message, why);
    }

    [TestMethod]
    [DataRow("a", "a", "twice")]
    [DataRow("README.md", "readme.md", "case")]
    [DataRow("a/x", "A/y", "case")]
    [DataRow("a", "a/b", "file and a folder")]
    public void Build_WithPathsThatClash_SaysWhich(string one, string other, string why)
    {
        ModelPackFormatException error = Assert.ThrowsExactly<ModelPackFormatException>(() => ModelPackManifest.Build([Whole(one), Whole(other)], Description));
        StringAssert.Contains(error.Message, why);
    }

    [TestMethod]
    public void Build_WithChunksThatLeaveAGap_IsRefused()
    {
        FileEntry file = Chunked("model.gguf", 3);
        Assert.ThrowsExactly<ModelPackFormatException>(() => ModelPackManifest.Build([file with { Chunks = [file.Chunks[0], file.Chunks[2]] }], Description));
        Assert.ThrowsExactly<ModelPackFormatException>(() => ModelPackManifest.Build([file with { Chunks = [] }], Description));
        Assert.ThrowsExactly<ModelPackFormatException>(() => ModelPackManifest.Build([], Description));
    }

    [TestMethod]
    [DataRow("\"ai.deckhouse.io/offset\":\"16777216\"", "\"ai.deckhouse.io/offset\":\"-1\"", "layers[1].annotations")]
    [DataRow("\"ai.deckhouse.io/offset\":\"16777216\"", "\"ai.deckhouse.io/offset\":\"16777217\"", "chunk 1 begins")]
    [DataRow("\"ai.deckhouse.io/offset\":\"16777216\"", "\"ai.deckhouse.io/offset\":\"99999999999999999999\"", "layers[1].annotations")]
    [DataRow("chunk.v1.zstd", "chunk.v9.zstd", "layers[0].mediaType")]
    [DataRow("org.cncf.model.filepath", "org.cncf.model.elsewhere", "filepath")]
    [DataRow("\"schemaVersion\":2", "\"schemaVersion\":3", "schemaVersion")]
    [DataRow("\"digest\":\"sha256:", "\"digest\":\"sha256:../", "config.digest")]
    public void ReadFiles_OfADamagedManifest_NamesTheField(string part, string replacement, string field)
    {
        PackedManifest packed = ModelPackManifest.Build([Chunked("big.gguf", 2)], Description);
        byte[] damaged = Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(packed.Content.Span).Replace(part, replacement, StringComparison.Ordinal));
        FormatException error = Assert.Throws<FormatException>(() => ModelPackManifest.ReadFiles(Manifest.Parse(damaged), ModelPackConfig.Parse(packed.Config)));
        StringAssert.Contains(error.Message, field);
    }

    [TestMethod]
    public void Parse_OfConfigsWithFieldsOfNobody_NamesThem()
    {
        byte[] config = Encoding.UTF8.GetBytes("""{"descriptor":{},"config":{"colour":"red"},"modelfs":{"type":"layers","diffIds":[]}}""");
        Assert.AreEqual("config.colour", Assert.ThrowsExactly<OciFormatException>(() => ModelPackConfig.Parse(config)).Field);
    }

    [TestMethod]
    public void Parse_OfMutatedDocuments_ThrowsNothingButFormatErrors()
    {
        PackedManifest packed = ModelPackManifest.Build([Chunked("big.gguf", 2), Whole("a.json")], Description);
        var random = new Random(4);
        for (int i = 0; i < 5000; i++)
        {
            byte[] manifest = Mutate(packed.Content.ToArray(), random);
            byte[] config = Mutate(packed.Config.ToArray(), random);
            try
            {
                ModelPackManifest.ReadFiles(Manifest.Parse(manifest), ModelPackConfig.Parse(config));
            }
            catch (FormatException)
            {
                // What a damaged document should lead to; anything else fails the test.
            }
        }
    }

    [TestMethod]
    [DataRow(999L, null)]
    [DataRow(6_738_415_616L, "6.7B")]
    [DataRow(7_000_000_000L, "7B")]
    [DataRow(135_000_000L, "135M")]
    public void ParameterSize_OfACount_IsWhatTheSpecificationWants(long count, string? text) => Assert.AreEqual(text, ModelDescription.ParameterSize(count));

    [TestMethod]
    [DataRow("model-00001-of-00002.safetensors", FileKind.Weight)]
    [DataRow("a/b/x.GGUF", FileKind.Weight)]
    [DataRow("config.json", FileKind.WeightConfig)]
    [DataRow("tokenizer.model", FileKind.WeightConfig)]
    [DataRow("LICENSE.txt", FileKind.Doc)]
    [DataRow("README.md", FileKind.Doc)]
    [DataRow("modeling_x.py", FileKind.Code)]
    public void Kind_OfAFile_ComesFromItsName(string path, FileKind kind) => Assert.AreEqual(kind, FileKinds.Of(path));

    private static byte[] Mutate(byte[] document, Random random)
    {
        for (int i = random.Next(1, 4); i > 0; i--)
        {
            int at = random.Next(document.Length);
            switch (random.Next(3))
            {
                case 0:
                    document[at] = (byte)random.Next(256);
                    break;
                case 1:
                    document = [.. document[..at], .. document[Math.Min(document.Length, at + random.Next(20))..], (byte)'}'];
                    break;
                default:
                    document = [.. document[..at], .. "\\ud800"u8, .. document[at..]];
                    break;
            }
        }

        return document;
    }

    private static FileEntry Whole(string path)
    {
        Digest digest = Digest.Sha256Of([0]);
        return new FileEntry { Path = path, Chunks = [new ChunkEntry { Index = 0, Offset = 0, Length = 1, LogicalDigest = digest, StoredDigest = digest, StoredLength = 1, Encoding = ChunkEncoding.Raw }] };
    }

    private static FileEntry Chunked(string path, int count, int chunkSize = ChunkSize.Smallest, int seed = 0) => new()
    {
        Path = path,
        Chunks = [.. Enumerable.Range(0, count).Select(i => new ChunkEntry
        {
            Index = i,
            Offset = (long)i * chunkSize,
            Length = chunkSize,
            LogicalDigest = seed == 0 ? Digest.Sha256Of([(byte)(i + 1)]) : Digest.Sha256Of(BitConverter.GetBytes((seed * 100_000L) + i)),
            StoredDigest = Digest.Sha256Of(BitConverter.GetBytes(-(seed * 100_000L) - i - 1)),
            StoredLength = chunkSize / 2,
            Encoding = ChunkEncoding.Zstd,
        })],
    };
}
