using System.Net.Sockets;
using AiModels.Hosting;
using AiModels.Hosting.CommandLine;
using AiModels.Registry.Storage.Backends;

namespace AiModels.Registry;

/// <summary>The verbs of the executable.</summary>
internal static class RegistryProgram
{
    /// <summary><c>registry serve</c>.</summary>
    public static async Task<int> ServeAsync(RegistryOptions options, CancellationToken cancellationToken)
    {
        WebApplicationBuilder builder = ComponentHosting.CreateBuilder("registry");
        builder.AddRegistry(options);
        await using WebApplication app = builder.Build();
        try
        {
            // Opens the folder: a second process on it is a mistake to name at once.
            app.Services.GetRequiredService<IStorageBackend>();
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
}
