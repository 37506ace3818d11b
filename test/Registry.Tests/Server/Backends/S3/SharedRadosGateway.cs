using AiModels.Registry.Storage.Backends.S3;
using AiModels.TestKit.S3;
using Microsoft.Extensions.Logging.Abstractions;

namespace AiModels.Registry.Tests.Server.Backends.S3;

/// <summary>One S3 server for all tests of a run; each test has a bucket of its own.</summary>
[TestClass]
public static class SharedRadosGateway
{
    private static readonly SemaphoreSlim One = new(1, 1);
    private static RadosGateway? s_running;

    /// <summary>The server, started by the first test that needs it. Where it cannot run, the test is inconclusive and says why.</summary>
    public static async Task<RadosGateway> GetAsync(CancellationToken cancellationToken)
    {
        if (RadosGateway.FindObstacle() is { } obstacle)
        {
            Assert.Inconclusive(obstacle);
        }

        await One.WaitAsync(cancellationToken);
        try
        {
            return s_running ??= await RadosGateway.StartAsync(cancellationToken);
        }
        finally
        {
            One.Release();
        }
    }

    [AssemblyCleanup]
    public static async Task StopAsync()
    {
        if (s_running is { } running)
        {
            await running.DisposeAsync();
        }
    }

    /// <summary>A backend over a bucket.</summary>
    internal static S3Backend Open(S3Options options) => new(options, TimeProvider.System, NullLogger<S3Features>.Instance);

    /// <summary>Settings for a bucket of the server, or of what stands before it.</summary>
    internal static S3Options OptionsOf(string bucket, Uri endpoint, string credentials) => new() { Bucket = bucket, CredentialsFolder = credentials, Endpoint = endpoint, UsePathStyle = true };
}
