using System.Collections.Concurrent;
using AiModels.ModelPack;
using AiModels.ModelPack.Chunking;
using AiModels.ModelPack.Client;
using AiModels.ModelPack.Format;
using AiModels.ModelPack.Oci;
using AiModels.Registry.Tests.ModelPack.Client;

namespace AiModels.Registry.Tests.ModelPack;

[TestClass]
public sealed class ModelPackReaderTests
{
    private const string Repository = "models/1";
    private const int ChunkSize = 4 * 1024 * 1024;
    private static readonly byte[] Weights = Samples.Weights((3 * ChunkSize) + 777);
    private static readonly byte[] Config = "{\"model_type\":\"llama\"}"u8.ToArray();

    private readonly FakeRegistry _registry = new();

    public required TestContext TestContext { get; init; }

    private CancellationToken Cancellation => TestContext.CancellationToken;

    [TestMethod]
    public async Task CopyTo_OfEveryFile_GivesTheBytesThatWereWritten()
    {
        ModelPackReader reader = await PackAndOpenAsync();
        foreach (FileEntry file in reader.Files)
        {
            var target = new MemoryTarget(file.Length);
            var verified = new ConcurrentBag<int>();
            await reader.CopyToAsync(file, target, new CopyOptions { OnVerified = (chunk, _) => { verified.Add(chunk.Index); return default; } }, Cancellation);
            CollectionAssert.AreEqual(file.Path == "config.json" ? Config : file.Path == "empty" ? [] : Weights, target.Content);
            Assert.HasCount(file.Chunks.Count, verified);
        }
    }

    [TestMethod]
    public async Task CopyTo_WithChunksPresent_FetchesOnlyTheOthers()
    {
        ModelPackReader reader = await PackAndOpenAsync();
        FileEntry file = reader.Files.Single(file => file.Path == "model.safetensors");
        _registry.Requests.Clear();
        await reader.CopyToAsync(file, new MemoryTarget(file.Length), new CopyOptions { IsPresent = chunk => chunk.Index < 2 }, Cancellation);
        Assert.HasCount(2, _registry.Requests);
    }

    [TestMethod]
    public async Task CopyTo_OfACorruptBlob_FailsAndReportsNoSuchChunk()
    {
        ModelPackReader reader = await PackAndOpenAsync();
        FileEntry file = reader.Files.Single(file => file.Path == "model.safetensors");
        _registry.Blobs[$"{Repository}/{file.Chunks[1].StoredDigest}"][100_000] ^= 4;
        var verified = new ConcurrentBag<int>();
        await Assert.ThrowsExactlyAsync<ChunkCorruptException>(() =>
            reader.CopyToAsync(file, new MemoryTarget(file.Length), new CopyOptions { OnVerified = (chunk, _) => { verified.Add(chunk.Index); return default; } }, Cancellation));
        Assert.DoesNotContain(1, verified);
    }

    [TestMethod]
    [DoNotParallelize]
    public async Task OpenRead_AtAnyPosition_GivesTheFilesBytes()
    {
        int before = Segment.InUse;
        ModelPackReader reader = await PackAndOpenAsync();
        var random = new Random(9);
        byte[] buffer = new byte[500_000];
        await using (Stream stream = reader.OpenRead(reader.Files.Single(file => file.Path == "model.safetensors")))
        {
            for (int i = 0; i < 20; i++)
            {
                stream.Position = random.Next(Weights.Length);
                int count = await stream.ReadAtLeastAsync(buffer, random.Next(1, buffer.Length), throwOnEndOfStream: false, Cancellation);
                int start = (int)(stream.Position - count);
                CollectionAssert.AreEqual(Weights[start..(start + count)], buffer[..count]);
            }

            stream.Position = 0;
            using var all = new MemoryStream();
            await stream.CopyToAsync(all, Cancellation);
            CollectionAssert.AreEqual(Weights, all.ToArray());
            Assert.AreEqual(0, await stream.ReadAsync(buffer, Cancellation));
        }

        Assert.AreEqual(before, Segment.InUse);
    }

    [TestMethod]
    public async Task OpenRead_OfACorruptBlob_GivesOutNoByteOfIt()
    {
        ModelPackReader reader = await PackAndOpenAsync();
        FileEntry file = reader.Files.Single(file => file.Path == "model.safetensors");
        _registry.Blobs[$"{Repository}/{file.Chunks[0].StoredDigest}"][^1] ^= 1;
        await using Stream stream = reader.OpenRead(file);
        await Assert.ThrowsExactlyAsync<ChunkCorruptException>(async () => await stream.ReadExactlyAsync(new byte[1], Cancellation));
    }

    [TestMethod]
    public async Task Open_OfWhatIsNoModel_SaysSo()
    {
        using RegistryClient client = Client();
        await Assert.ThrowsExactlyAsync<FileNotFoundException>(() => ModelPackReader.OpenAsync(client, Repository, "model", Cancellation));
        byte[] image = new Manifest { Config = new Descriptor { MediaType = "application/vnd.oci.image.config.v1+json", Digest = Digest.Sha256Of([1]), Size = 1 } }.Encode();
        await client.PutManifestAsync(Repository, "model", MediaTypes.OciManifest, image, Cancellation);
        OciFormatException error = await Assert.ThrowsExactlyAsync<OciFormatException>(() => ModelPackReader.OpenAsync(client, Repository, "model", Cancellation));
        Assert.AreEqual("config.mediaType", error.Field);
    }

    [TestMethod]
    public async Task Publish_Twice_GivesTheSameDigest()
    {
        Digest first = (await PackAndOpenAsync()).Digest;
        Assert.AreEqual(first, (await PackAndOpenAsync()).Digest);
    }

    private async Task<ModelPackReader> PackAndOpenAsync()
    {
        RegistryClient client = Client();
        var writer = new ModelPackWriter(client, Repository);
        FileEntry[] files =
        [
            await writer.WriteFileAsync("model.safetensors", new MemoryStream(Weights), new ChunkedFileWriterOptions { ChunkSize = ChunkSize, Length = Weights.Length }, Cancellation),
            await writer.WriteFileAsync("config.json", new MemoryStream(Config), new ChunkedFileWriterOptions(), Cancellation),
            await writer.WriteFileAsync("empty", new MemoryStream(), new ChunkedFileWriterOptions(), Cancellation),
        ];
        PackedManifest packed = await writer.PublishAsync(files, new ModelDescription { Family = "llama" }, WellKnownTags.Model, Cancellation);
        return await ModelPackReader.OpenAsync(client, Repository, packed.Digest.ToString(), Cancellation);
    }

    private RegistryClient Client() => new(new RegistryClientOptions { Address = "https://registry.test", Handler = _registry });

    private sealed class MemoryTarget(long length) : IFileTarget
    {
        public byte[] Content { get; } = new byte[length];

        public ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
        {
            bytes.CopyTo(Content.AsMemory((int)offset));
            return ValueTask.CompletedTask;
        }
    }
}
