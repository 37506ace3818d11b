using System.Net.Sockets;
using AiModels.Hosting;
using AiModels.Hosting.CommandLine;
using AiModels.Registry.Storage.Backends;

namespace AiModels.Registry;

/// <summary>The verbs of the executable.</summary>
internal static partial class RegistryProgram
{
    /// <summary><c>registry serve</c>.</summary>
    public static async Task<int> ServeAsync(RegistryOptions options, CancellationToken cancellationToken)
    {
        WebApplicationBuilder builder = ComponentHosting.CreateBuilder("registry");
        builder.AddRegistry(options);
        await using WebApplication app = builder.Build();
        try
        {
            // Opens the folder or asks for the bucket: a second process on the one, a wrong key for the other are mistakes to name at once.
            await app.Services.GetRequiredService<IStorageBackend>().CheckAsync(cancellationToken);
        }
        catch (StorageUnavailableException failure)
        {
            // Nobody's mistake, and it may come back: until then /readyz says why nothing works.
            Log.Unavailable(app.Services.GetRequiredService<ILoggerFactory>().CreateLogger("AiModels.Registry"), failure.Message);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new BadOptionException($"--storage: {failure.Message}");
        }

        app.MapComponentEndpoints();
        app.MapRegistry();
        try
        {
            await app.StartAsync(cancellationToken);
        }
        catch (Exception failure) when (failure is IOException or SocketException)
        {
            throw new BadOptionException($"--listen: {failure.Message}");
        }

        await app.WaitForShutdownAsync(cancellationToken);
        return 0;
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Warning, "{Problem}; serving begins when it answers")]
        public static partial void Unavailable(ILogger logger, string problem);
    }
}
