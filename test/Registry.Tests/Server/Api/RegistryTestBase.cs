using System.Net;
using AiModels.ModelPack.Oci;
using AiModels.Registry.Storage.Backends;
using Microsoft.Extensions.DependencyInjection;

namespace AiModels.Registry.Tests.Server.Api;

/// <summary>A fresh registry for each test.</summary>
public abstract class RegistryTestBase
{
    public TestContext TestContext { get; set; } = null!;

    private protected const string Repo = "models/6a4d2c1e";

    private protected TestRegistry Registry { get; private set; } = null!;

    private protected CancellationToken Token => TestContext.CancellationToken;

    [TestInitialize]
    public async Task StartAsync()
    {
        await PrepareAsync();
        Registry = await TestRegistry.StartAsync(Configure);
    }

    [TestCleanup]
    public async Task StopAsync()
    {
        // Null when what the test needs is not installed.
        if (Registry is not null)
        {
            await Registry.DisposeAsync();
        }
    }

    /// <summary>Before the registry starts.</summary>
    private protected virtual Task PrepareAsync() => Task.CompletedTask;

    private protected virtual void Configure(RegistryOptions options)
    {
    }

    private protected static async Task ExpectAsync(HttpStatusCode status, string? code, HttpResponseMessage response)
    {
        Assert.AreEqual(status, response.StatusCode, await response.Content.ReadAsStringAsync());
        if (code is not null)
        {
            Assert.AreEqual(code, await TestRegistry.CodeOfAsync(response));
        }
    }

    private protected static string Header(HttpResponseMessage response, string name) =>
        response.Headers.TryGetValues(name, out IEnumerable<string>? values) || response.Content.Headers.TryGetValues(name, out values) ? string.Join(", ", values) : "";

    private protected async Task<string> OpenUploadAsync()
    {
        HttpResponseMessage response = await Registry.SendAsync(HttpMethod.Post, $"/v2/{Repo}/blobs/uploads/");
        await ExpectAsync(HttpStatusCode.Accepted, null, response);
        return Header(response, "Location");
    }

    /// <summary>Paths of what is stored below a folder.</summary>
    private protected async Task<string[]> ListStoredAsync(string folder)
    {
        var paths = new List<string>();
        await foreach (StorageEntry entry in Registry.Services.GetRequiredService<IStorageBackend>().ListAsync(folder, null, Token))
        {
            paths.Add(entry.Path);
        }

        return [.. paths];
    }

    private protected async Task<byte[]> PullAsync(string repository, Digest digest) => await Registry.Http.GetByteArrayAsync($"/v2/{repository}/blobs/{digest}", Token);
}
