using AiModels.Hosting;
using AiModels.Hosting.Certificates;
using AiModels.ModelPack.Grants;
using AiModels.Registry.Api;
using AiModels.Registry.Capacity;
using AiModels.Registry.GarbageCollection;
using AiModels.Registry.Grants;
using AiModels.Registry.Inspection;
using AiModels.Registry.Integrity;
using AiModels.Registry.Storage;
using AiModels.Registry.Storage.Backends;
using AiModels.Registry.Transport;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace AiModels.Registry;

/// <summary>The table of contents: everything the registry consists of, and where it is served.</summary>
public static partial class RegistryServices
{
    // 8 and 16 MiB: enough for full speed at the round trips of one data centre; Kestrel's defaults (768 KiB, 1 MiB) throttle HTTP/2 pushes.
    private const int StreamWindow = 8 * 1024 * 1024;
    private const int ConnectionWindow = 16 * 1024 * 1024;

    // 128 KiB on the way in and out of each connection, two blocks: a reader and a writer overlap, and 64 transfers take 16 MiB.
    private const int SocketBuffer = 128 * 1024;

    /// <summary>Registers the registry and binds its addresses.</summary>
    public static WebApplicationBuilder AddRegistry(this WebApplicationBuilder builder, RegistryOptions options)
    {
        IServiceCollection services = builder.Services;
        services.TryAddSingleton(TimeProvider.System);
        services.AddMetrics();
        services.AddBulkMemoryPool();
        services.AddSingleton(options);
        services.AddSingleton<RegistryMetrics>();

        services.AddStorage(options);
        services.AddSingleton(CapacityLimits.Of(options));
        services.AddSingleton<CapacityLedger>();
        services.AddSingleton<RepositoryContent>();
        services.AddSingleton<RepositoryOwners>();
        services.AddSingleton<ReservationBook>();
        services.AddSingleton<CapacityMetrics>();
        services.AddSingleton<CapacityService>();
        services.AddHostedService(provider => provider.GetRequiredService<CapacityService>());
        services.AddSingleton<CapacityEndpoints>();
        services.AddSingleton<TransferBuffers>();
        services.AddSingleton<ContentReceiver>();
        services.AddSingleton<CondemnedDigests>();
        services.AddSingleton<BlobFence>();
        services.AddSingleton<BlobStore>();
        services.AddSingleton<TagStore>();
        services.AddSingleton<ManifestStore>();
        services.AddSingleton<ManifestTurns>();
        services.AddSingleton<UploadStore>();

        services.AddSingleton(provider => GrantKeys(options, provider));
        services.AddSingleton<GrantValidator>();
        services.AddSingleton<Revocations>();
        services.AddHostedService(provider => provider.GetRequiredService<Revocations>());
        services.AddSingleton<RevocationEndpoints>();
        services.AddSingleton<GrantAuthentication>();
        services.AddSingleton<TokenEndpoint>();
        services.AddSingleton<TransferAccounts>();

        services.AddSingleton<BlobRedirects>();
        services.AddSingleton<Blobs>();
        services.AddSingleton<BlobUploads>();
        services.AddSingleton<Manifests>();
        services.AddSingleton<Tags>();
        services.AddSingleton<Referrers>();
        services.AddSingleton<RegistryEndpoints>();
        services.AddSingleton<HousekeepingEndpoints>();

        services.AddSingleton<Marker>();
        services.AddSingleton<Sweeper>();
        services.AddSingleton<CleanupRequests>();
        services.AddSingleton<Quarantine>();
        services.AddSingleton<Spares>();
        services.AddSingleton<BlobCheck>();
        services.AddSingleton<IntegrityMetrics>();
        services.AddSingleton<Scrubber>();
        services.AddHostedService<ScrubService>();
        services.AddSingleton<IntegrityEndpoints>();
        services.AddSingleton<ContentInspector>();
        services.AddSingleton<InspectionEndpoints>();
        services.AddSingleton<GarbageCollector>();
        services.AddHostedService<GarbageCollectionService>();
        services.AddHealthChecks().AddCheck<StorageHealthCheck>("storage");

        services.Configure<SocketTransportOptions>(sockets => (sockets.MaxReadBufferSize, sockets.MaxWriteBufferSize) = (SocketBuffer, SocketBuffer));
        builder.WebHost.ConfigureKestrel(kestrel => Serve(kestrel, options));
        return builder;
    }

    /// <summary>Maps the distribution API, the token endpoint and what our own components ask.</summary>
    public static WebApplication MapRegistry(this WebApplication app)
    {
        RegistryEndpoints distribution = app.Services.GetRequiredService<RegistryEndpoints>();
        HousekeepingEndpoints housekeeping = app.Services.GetRequiredService<HousekeepingEndpoints>();
        CapacityEndpoints capacity = app.Services.GetRequiredService<CapacityEndpoints>();
        TokenEndpoint token = app.Services.GetRequiredService<TokenEndpoint>();

        app.Map("/v2/{**path}", distribution.HandleAsync);
        app.MapMethods(GrantAuthentication.TokenPath, ["GET", "POST"], http => distribution.GuardAsync(http, () => token.HandleAsync(http)));
        Map("DELETE", "/repositories/{**name}", (http, name) => housekeeping.DeleteRepositoryAsync(http, name));
        Map("GET", "/repositories/{**name}", (http, name) => housekeeping.GetRepositoryAsync(http, name));
        Map("GET", "/accounting/repositories/{**name}", (http, name) => housekeeping.GetRepositoryAccountsAsync(http, name));
        Map("GET", "/accounting/grants/{name}", (http, name) => housekeeping.GetGrantAccountsAsync(http, name));
        Map("GET", "/collection", (http, _) => housekeeping.GetCollectionAsync(http));
        InspectionEndpoints inspection = app.Services.GetRequiredService<InspectionEndpoints>();
        Map("GET", "/inspect/usage", (http, _) => inspection.GetUsageAsync(http));
        Map("GET", "/inspect/digests/{name}", inspection.ExplainAsync);
        IntegrityEndpoints integrity = app.Services.GetRequiredService<IntegrityEndpoints>();
        RevocationEndpoints revocations = app.Services.GetRequiredService<RevocationEndpoints>();
        Map("POST", "/revocations", (http, _) => revocations.RevokeAsync(http));
        Map("GET", "/revocations", (http, _) => revocations.ListAsync(http));
        Map("GET", "/integrity", (http, _) => integrity.GetAsync(http));
        Map("GET", "/integrity/repositories/{**name}", integrity.GetRepositoryAsync);
        Map("PUT", "/integrity/repositories/{**name}", integrity.RestoreAsync);
        Map("GET", "/collection/plan", (http, _) => inspection.GetPlanAsync(http));
        Map("POST", "/collection", (http, _) => inspection.CollectAsync(http));
        Map("GET", "/capacity", (http, _) => capacity.GetAsync(http));
        Map("PUT", "/capacity/reservations/{**name}", capacity.ReserveAsync);
        Map("GET", "/capacity/reservations/{**name}", capacity.FindAsync);
        Map("DELETE", "/capacity/reservations/{**name}", capacity.ReleaseAsync);
        return app;

        void Map(string method, string pattern, Func<HttpContext, string, Task> handler) => app.MapMethods(
            pattern, [method], http => distribution.GuardAsync(http, () => handler(http, (string?)http.GetRouteValue("name") ?? "")));
    }

    private static void Serve(KestrelServerOptions kestrel, RegistryOptions options)
    {
        // Blobs have no limit but the disk's, and a slow client is no attack: idle connections cost almost nothing.
        kestrel.Limits.MaxRequestBodySize = null;
        kestrel.Limits.MinRequestBodyDataRate = null;
        kestrel.Limits.MinResponseDataRate = null;
        kestrel.Limits.Http2.InitialStreamWindowSize = StreamWindow;
        kestrel.Limits.Http2.InitialConnectionWindowSize = ConnectionWindow;
        kestrel.Limits.Http2.MaxStreamsPerConnection = 1000;
        foreach (string text in options.Listen)
        {
            if (!ListenAddress.TryParse(text, out ListenAddress? address))
            {
                throw new ArgumentException($"--listen: '{text}' is no address.");
            }

            address.Bind(kestrel, listen => Secure(listen, address, options, kestrel.ApplicationServices));
        }
    }

    private static void Secure(ListenOptions listen, ListenAddress address, RegistryOptions options, IServiceProvider services)
    {
        if (!address.IsHttps)
        {
            listen.SendFilesByKernel();
            return;
        }

        string host = address.Address?.ToString() ?? "localhost";
        listen.SendEncryptedBySocket();
        listen.UseServingCertificate(ServingCertificate.FromFilesOrSelfSigned(
            options.TlsCertFile, options.TlsPrivateKeyFile, ["localhost", "127.0.0.1", host], services.GetRequiredService<TimeProvider>()));
        listen.SendFilesEncrypted();
    }

    private static GrantKeySet GrantKeys(RegistryOptions options, IServiceProvider services)
    {
        ILogger logger = services.GetRequiredService<ILoggerFactory>().CreateLogger("AiModels.Registry.Grants");

        // Without a folder no grant is valid; only an anonymous registry is started that way.
        return new GrantKeySet(options.GrantKeys ?? Path.Combine(AppContext.BaseDirectory, ".no-keys"), services.GetRequiredService<TimeProvider>(), problem => Log.UnreadableKey(logger, problem));
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Warning, "A grant key cannot be read: {Problem}")]
        public static partial void UnreadableKey(ILogger logger, string problem);
    }
}
