using AiModels.ModelPack;
using AiModels.ModelPack.Client;
using AiModels.ModelPack.Format;
using AiModels.ModelPack.Oci;

namespace AiModels.ApiServer.Tests.ApiServer;

/// <summary>Reads a received upload back from the registry, the way the controllers find it.</summary>
internal static class UploadedFile
{
    public static async Task<byte[]> ReadAsync(RegistryClient registry, string repository, string path, string digest, CancellationToken cancellationToken)
    {
        Assert.AreEqual(digest, (await registry.ResolveAsync(repository, WellKnownTags.Upload, cancellationToken)).ToString());
        ModelPackReader reader = await ModelPackReader.OpenAsync(registry, repository, digest, cancellationToken);
        Assert.AreEqual(MediaTypes.UploadManifest, reader.Manifest.ArtifactType);
        FileEntry file = reader.Files.Single();
        Assert.AreEqual(path, file.Path);
        using var content = new MemoryStream();
        await using Stream stream = reader.OpenRead(file);
        await stream.CopyToAsync(content, cancellationToken);
        return content.ToArray();
    }
}
