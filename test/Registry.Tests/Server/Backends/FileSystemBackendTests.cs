using System.Diagnostics.Metrics;
using AiModels.Registry.Storage.Backends;
using AiModels.Registry.Storage.Backends.FileSystem;
using Microsoft.Extensions.DependencyInjection;

namespace AiModels.Registry.Tests.Server.Backends;

[TestClass]
public sealed class FileSystemBackendTests : StorageBackendContract, IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private readonly FileSystemBackend _backend;

    public FileSystemBackendTests()
    {
        _backend = new FileSystemBackend(new FileSystemOptions { Root = _folder.Path });
        Backend = new MeasuredBackend(_backend, new RegistryMetrics(_services.GetRequiredService<IMeterFactory>()));
    }

    private protected override IStorageBackend Backend { get; }

    public void Dispose()
    {
        _backend.Dispose();
        _services.Dispose();
        _folder.Dispose();
    }

    [TestMethod]
    public async Task Create_ForMoreThanTheDiskTakes_NamesTheBytesAndNoPath()
    {
        StorageFullException failure = await Assert.ThrowsExactlyAsync<StorageFullException>(async () => await Backend.CreateAsync(new WriteIntent("x", long.MaxValue), Token));
        Assert.AreEqual($"No room on the disk for {long.MaxValue} bytes.", failure.Message);
    }

    [TestMethod]
    public void Open_FolderInUse_IsRefused()
    {
        IOException failure = Assert.ThrowsExactly<IOException>(() => new FileSystemBackend(new FileSystemOptions { Root = _folder.Path }));
        StringAssert.Contains(failure.Message, "in use by another process");
    }

    [TestMethod]
    public async Task Open_AfterACrash_RemovesStagedBytes()
    {
        // A crash is a writer that never got to its end.
        IStorageWriter writer = await _backend.CreateAsync(new WriteIntent("x", 10), Token);
        await writer.WriteAsync("half"u8.ToArray(), Token);
        _backend.Dispose();

        using var reopened = new FileSystemBackend(new FileSystemOptions { Root = _folder.Path });
        Assert.IsEmpty(Directory.GetFiles(_folder.Path, "*", SearchOption.AllDirectories).Where(file => Path.GetFileName(file) != ".lock").ToArray());
        await writer.DisposeAsync();
    }

    [TestMethod]
    public async Task Delete_LastInFolder_RemovesTheFolder()
    {
        await Backend.PutAsync("a/b/c", "1"u8.ToArray(), PutMode.Replace, Token);
        await Backend.DeleteAsync("a/b/c", Token);
        Assert.IsFalse(Directory.Exists(_folder.Combine("a")));
    }

    [TestMethod]
    public async Task GetSpace_TellsTheDisk()
    {
        StorageSpace space = (await Backend.GetSpaceAsync(Token))!.Value;
        Assert.IsGreaterThan(0, space.FreeBytes);
        Assert.IsGreaterThanOrEqualTo(space.FreeBytes, space.TotalBytes);
    }
}
