using AiModels.Hosting;
using AiModels.ModelPack.Client;
using AiModels.ModelPack.Oci;
using AiModels.NodeAgent.Materialization;
using AiModels.NodeAgent.Registry;

namespace AiModels.NodeAgent;

/// <summary>'nodeagent materialize': one model into one folder, then the end. What a Job of SharedPVC delivery runs.</summary>
public static partial class MaterializeCommand
{
    /// <summary>0 when the target is complete; 1, with one line that says why, when it is not and trying again may help.</summary>
    public static async Task<int> RunAsync(MaterializeOptions options, CancellationToken cancellationToken)
    {
        await using ServiceProvider services = new ServiceCollection().AddComponentLogging("nodeagent").BuildServiceProvider();
        return await RunAsync(options, services.GetRequiredService<ILoggerFactory>().CreateLogger("AiModels.NodeAgent.Materialize"), cancellationToken);
    }

    /// <summary>The same with a given log, for hosts that run it in their own process.</summary>
    public static async Task<int> RunAsync(MaterializeOptions options, ILogger logger, CancellationToken cancellationToken)
    {
        using var client = new RegistryClient(new RegistryClientOptions
        {
            Address = options.Registry,
            TrustedRoots = TrustedRoots.Load(options.RegistryCaFile),
            Grants = Grants(options),
        });
        try
        {
            await new Materializer(client, options.Parallelism, logger).RunAsync(
                options.Repository, Digest.Parse(options.Digest), options.Target, NoLocalFiles.Instance, new MaterializationProgress(), cancellationToken);
            return 0;
        }
        catch (Exception e) when (e is IOException or HttpRequestException or TimeoutException or UnauthorizedAccessException or FormatException or InvalidDataException)
        {
            Log.Failed(logger, options.Digest, e.Message);
            return 1;
        }
    }

    private static IGrantSource? Grants(MaterializeOptions options) =>
        options.GrantFile is { } file ? new FileGrantSource(file) : options.Grant is { } grant ? new StaticGrantSource(grant) : null;

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Error, "{Digest} could not be materialized: {Reason}")]
        public static partial void Failed(ILogger logger, string digest, string reason);
    }
}
