using System.Net.Sockets;
using AiModels.Hosting;
using AiModels.Hosting.Kubernetes;
using AiModels.NodeAgent.Api;
using AiModels.NodeAgent.Authorization;
using AiModels.NodeAgent.Cache;
using AiModels.NodeAgent.Prefetching;
using AiModels.NodeAgent.Registry;
using AiModels.NodeAgent.Reporting;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace AiModels.NodeAgent;

/// <summary>The composition of 'nodeagent serve'.</summary>
public static class NodeAgentApplication
{
    // A request for a model is seven names and a digest: less than 2 KiB.
    private const long LargestRequest = 64 << 10;

    /// <summary>Builds the agent; start it with StartAsync. <paramref name="configure"/> may add services first, for tests and for the all-in-one.</summary>
    public static WebApplication Create(ServeOptions options, Action<WebApplicationBuilder>? configure = null)
    {
        WebApplicationBuilder builder = ComponentHosting.CreateBuilder("nodeagent");
        configure?.Invoke(builder);
        builder.AddNodeAgent(options);
        WebApplication app = builder.Build();
        NodeCache cache = app.Services.GetRequiredService<NodeCache>();
        cache.Load();
        app.Services.GetRequiredService<NodeAgentMetrics>().Observe(cache.Status);
        app.MapNodeCache();
        app.MapComponentEndpoints();
        return app;
    }

    public static WebApplicationBuilder AddNodeAgent(this WebApplicationBuilder builder, ServeOptions options)
    {
        builder.Services.AddSingleton(options);
        builder.Services.TryAddSingleton<IKubernetesClient>(provider =>
            new KubernetesClient(KubernetesConnection.Load(options.Kubeconfig), provider.GetRequiredService<TimeProvider>()));
        builder.Services.TryAddSingleton<IMountAuthorizer>(provider => new LiveStateAuthorizer(provider.GetRequiredService<IKubernetesClient>(), options.NodeName));
        builder.Services.TryAddSingleton<IModelSource>(provider => new RegistryModelSource(
            provider.GetRequiredService<IKubernetesClient>(),
            options,
            TrustedRoots.Load(options.RegistryCaFile),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<RegistryModelSource>>()));
        builder.Services.TryAddSingleton(_ => new CacheFolder(options.CacheDir));
        builder.Services.TryAddSingleton<IMountedModels>(provider => new MountedModels(provider.GetRequiredService<CacheFolder>()));
        builder.Services.TryAddSingleton<IModelCatalog, LiveModelCatalog>();
        builder.Services.TryAddSingleton<NodeAgentMetrics>();
        builder.Services.TryAddSingleton<NodeCache>();
        builder.Services.AddHostedService<LeaseKeeper>();
        builder.Services.AddHostedService<Prefetcher>();
        builder.Services.AddHostedService<Scrubber>();
        builder.Services.AddHostedService<ContentReturn>();
        builder.Services.AddHostedService<CacheReporter>();
        builder.Services.AddHostedService<ProgressReporter>();
        if (options.MetricsListen is { } metrics)
        {
            builder.Services.AddSingleton(new MetricsServer(metrics));
            builder.Services.AddHostedService(provider => provider.GetRequiredService<MetricsServer>());
        }

        builder.WebHost.UsePrivateSockets();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Limits.MaxRequestBodySize = LargestRequest;
            kestrel.ListenUnixSocket(PrepareSocket(options.SocketPath));
        });
        return builder;
    }

    /// <summary>Removes the socket of a process that is gone; one that answers belongs to another agent, and two must not share a cache.</summary>
    private static string PrepareSocket(string path)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        if (File.Exists(path))
        {
            using var probe = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                probe.Connect(new UnixDomainSocketEndPoint(path));
            }
            catch (SocketException)
            {
                File.Delete(path);
                return path;
            }

            throw new IOException($"another node agent is serving {path}");
        }

        return path;
    }
}
