using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Storage;
using AiModels.ApiServer;
using AiModels.Contracts.WellKnown;
using AiModels.Controllers;
using AiModels.CsiDriver;
using AiModels.Hosting;
using AiModels.Hosting.Kubernetes;
using AiModels.LocalCluster.Host;
using AiModels.LocalCluster.Node;
using AiModels.NodeAgent;
using AiModels.Registry;
using AiModels.Registry.Storage.Backends;

namespace AiModels.LocalCluster;

/// <summary>Starts every component in this process, in the order in which they need each other, and stops them the other way round.</summary>
internal sealed class AllInOne(LocalClusterOptions options, ClusterPaths paths, TimeProvider time) : IAsyncDisposable
{
    private readonly Stack<IAsyncDisposable> _running = new();
    private readonly TaskCompletionSource _broken = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool _isStopping;

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        foreach (string directory in (string[])[paths.Data, paths.Run, paths.Host, paths.Node]) Directory.CreateDirectory(directory);
        File.SetUnixFileMode(paths.Run, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var certificates = new ClusterCertificates(paths, time);
        KubeconfigFile.Write(paths.Kubeconfig, options.Port, certificates, certificates.Admin);
        foreach (JsonObject account in ClusterRights.Documents().Where(document => (string?)document["kind"] == "ServiceAccount"))
            KubeconfigFile.Write(paths.KubeconfigOf(account.Name()), options.Port, certificates, certificates.ServiceAccount(paths, account.Namespace(), account.Name()));

        // Step 1: the servers. They bind their ports and sockets; clients come later.
        var types = new HostTypes();
        WebApplication host = await StartAsync(HostApi.Create(options, paths, certificates, types), cancellationToken);
        IHost cluster = ClusterServices.Create(options, paths, types, host.Services.GetRequiredService<IObjectStore>());
        await cluster.Services.GetRequiredService<ClusterSeed>().PlantAsync(cancellationToken); // whom to believe, before the API server looks it up
        await cluster.Services.GetRequiredService<ClusterRights>().GrantAsync(cancellationToken); // the components' rights, before they use them
        if (Has("apiserver")) await StartAsync(CreateApiServer(certificates), cancellationToken); // first: it publishes the grant key the registry reads
        if (Has("registry")) await StartAsync(CreateRegistry(certificates), cancellationToken);
        if (Has("nodeagent")) await StartAsync(CreateNodeAgent(), cancellationToken);
        if (Has("csi-driver")) await StartAsync(CreateCsiDriver(), cancellationToken);

        // Step 2: the cluster behind the host's API, and our controllers as its clients.
        cluster.Services.GetRequiredService<Kubelet>().CleanUp();
        await StartAsync(cluster, cancellationToken);
        if (!Has("controllers")) return;
        await StartAsync(CreateControllers(), cancellationToken);
        await WaitForWebhookAsync(cluster.Services.GetRequiredService<IKubernetesClient>(), cancellationToken);
    }

    /// <summary>Completes when a part of the cluster ends although nobody asked it to: a defect, and the rest is of no use.</summary>
    public Task Broken => _broken.Task;

    public async ValueTask DisposeAsync()
    {
        _isStopping = true;
        File.Delete(paths.Ready);
        while (_running.TryPop(out IAsyncDisposable? component)) await component.DisposeAsync();
    }

    private bool Has(string component) => !options.Without.Contains(component);

    private WebApplication CreateRegistry(ClusterCertificates certificates)
    {
        WebApplicationBuilder builder = ComponentHosting.CreateBuilder("registry");
        builder.AddRegistry(new RegistryOptions
        {
            Listen = [RegistryUrl, $"unix://{paths.RegistrySocket}"],
            Storage = "folder:" + paths.Registry,
            GrantKeys = GrantKeys,
            CapacityLimit = options.CapacityLimit,
            ScrubInterval = options.ScrubInterval,
            TlsCertFile = certificates.Registry.CertificateFile,
            TlsPrivateKeyFile = certificates.Registry.KeyFile,
        });
        WebApplication app = builder.Build();
        app.Services.GetRequiredService<IStorageBackend>();
        app.MapComponentEndpoints();
        app.MapRegistry();
        return app;
    }

    private WebApplication CreateApiServer(ClusterCertificates certificates)
    {
        WebApplicationBuilder builder = ComponentHosting.CreateBuilder("apiserver");
        builder.AddAiModelsApi(new ApiServerOptions
        {
            BindAddress = "127.0.0.1",
            SecurePort = options.Port + 1,
            UploadPort = options.Port + 4,
            TlsCertFile = certificates.ApiServer.CertificateFile,
            TlsPrivateKeyFile = certificates.ApiServer.KeyFile,
            Kubeconfig = paths.KubeconfigOf("ai-models-apiserver"),
            DataDir = paths.ApiServer,
            AuditLogPath = paths.AuditLog,
            Registry = $"unix://{paths.RegistrySocket}",
            RegistryUrl = RegistryUrl,
            GrantKeys = GrantKeys,
        });
        WebApplication app = builder.Build();
        app.MapAiModelsApi();
        return app;
    }

    private WebApplication CreateNodeAgent() => NodeAgentApplication.Create(new ServeOptions
    {
        Listen = $"unix://{paths.AgentSocket}",
        NodeName = Kubelet.NodeName,
        CacheDir = paths.Cache,
        Kubeconfig = paths.KubeconfigOf("ai-models-nodeagent"),
        Registry = $"unix://{paths.RegistrySocket}",
        IntegrityInterval = options.ScrubInterval < TimeSpan.FromMinutes(5) ? options.ScrubInterval : TimeSpan.FromMinutes(5),
    });

    private WebApplication CreateCsiDriver()
    {
        var driver = new CsiDriverOptions { Endpoint = $"unix://{paths.CsiSocket}", NodeId = Kubelet.NodeName, Agent = $"unix://{paths.AgentSocket}" };
        return CsiDriverApplication.Create(driver);
    }

    private WebApplication CreateControllers()
    {
        WebApplicationBuilder builder = ComponentHosting.CreateBuilder("controllers");
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.ListenUnixSocket(paths.ControllersSocket));
        File.Delete(paths.ControllersSocket);
        var settings = new ControllersOptions
        {
            Kubeconfig = paths.KubeconfigOf("ai-models-controllers"),
            Registry = $"unix://{paths.RegistrySocket}",
            JobRegistry = $"unix://{paths.RegistrySocket}",
            DeliveryType = options.DeliveryType,
            NodeCacheStorage = options.NodeCacheStorage,
            NodeCacheSize = 1L << 30,
            NodeCacheBlockDeviceSelector = options.NodeCacheStorage == "SDS" ? $"{Labels.NodeCache}=true" : null,
            Preparation = options.Preparation,
            WebhookListen = WebhookUrl,
            WebhookUrl = WebhookUrl,
            SourceCaFile = options.SourceCaFile,
        };
        settings.IntegrityInterval = options.ScrubInterval < settings.IntegrityInterval ? options.ScrubInterval : settings.IntegrityInterval;
        settings.HuggingfaceEndpoint = options.HuggingfaceEndpoint ?? settings.HuggingfaceEndpoint;
        settings.OllamaEndpoint = options.OllamaEndpoint ?? settings.OllamaEndpoint;
        builder.AddAiModelsControllers(settings);
        WebApplication app = builder.Build();
        app.MapComponentEndpoints();
        return app;
    }

    private string RegistryUrl => $"https://127.0.0.1:{options.Port + 2}";
    private Uri WebhookUrl => new($"https://127.0.0.1:{options.Port + 3}");
    private string GrantKeys => Path.Combine(paths.Pki, "grants");

    /// <summary>An annotated workload that is applied at once must already meet the webhook.</summary>
    private async Task WaitForWebhookAsync(IKubernetesClient client, CancellationToken cancellationToken)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(5), time);
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, deadline.Token);
        while (!linked.IsCancellationRequested)
        {
            if ((await client.ListAsync(ResourceTypes.MutatingWebhookConfigurations, null, null, cancellationToken)).Items.Count > 0) return;
            await Task.Delay(TimeSpan.FromMilliseconds(50), time, linked.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task<T> StartAsync<T>(T component, CancellationToken cancellationToken)
        where T : IHost
    {
        await component.StartAsync(cancellationToken);
        _running.Push(new StopHost(component));
        component.Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping.Register(() =>
        {
            if (!_isStopping) _broken.TrySetResult();
        });
        return component;
    }

    private sealed class StopHost(IHost host) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            await host.StopAsync();
            if (host is IAsyncDisposable disposable) await disposable.DisposeAsync();
            else host.Dispose();
        }
    }
}
