using System.Net;
using AiModels.ApiMachinery;
using AiModels.ApiMachinery.Audit;
using AiModels.ApiMachinery.Http;
using AiModels.ApiServer.Access;
using AiModels.ApiServer.Progress;
using AiModels.ApiServer.Registry;
using AiModels.ApiServer.Replicas;
using AiModels.ApiServer.Resources.ClusterModels;
using AiModels.ApiServer.Resources.ModelCatalogSources;
using AiModels.ApiServer.Resources.Models;
using AiModels.ApiServer.Resources.NodeModelCaches;
using AiModels.ApiServer.Storage;
using AiModels.ApiServer.Subresources;
using AiModels.ApiServer.Uploads;
using AiModels.Hosting;
using AiModels.Hosting.Certificates;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace AiModels.ApiServer;

/// <summary>The table of contents: every resource and subresource of ai.deckhouse.io, and what stands behind them.</summary>
public static class AiModelsApi
{
    // 256 KiB that a connection may have encrypted and not sent: with Kestrel's 64 KiB whoever writes lists or events stops for the socket at every fourth TLS record.
    private const int WriteBuffer = 256 * 1024;

    /// <summary>Registers the API server and binds its port.</summary>
    public static WebApplicationBuilder AddAiModelsApi(this WebApplicationBuilder builder, ApiServerOptions options)
    {
        IServiceCollection services = builder.Services;
        services.AddBulkMemoryPool();
        services.Configure<SocketTransportOptions>(sockets => sockets.MaxWriteBufferSize = WriteBuffer);
        services.AddIdleMemory();
        services.AddObjectStore(options);
        services.AddSingleton(provider => ServingCertificate.FromFilesOrSelfSigned(
            options.TlsCertFile, options.TlsPrivateKeyFile, ["localhost", "127.0.0.1", options.BindAddress], provider.GetRequiredService<TimeProvider>()));
        services.AddAccess(options);
        services.AddModelRegistry(options);
        services.AddUploads(options);
        services.AddReplicas(options);
        services.AddSingleton<ProgressBoard>();

        services.AddSingleton<UploadSubresource>();
        services.AddSingleton<ProgressSubresource>();
        services.AddSingleton<GrantSubresource>();
        services.AddApiMachinery(machinery => (machinery.ShutdownDelay, machinery.GoAwayChance) = (options.ShutdownDelayDuration, options.GoawayChance))
            .AddResource(provider => ModelResource.Define(
                provider.GetRequiredService<UploadSubresource>(), provider.GetRequiredService<ProgressSubresource>(), provider.GetRequiredService<GrantSubresource>()))
            .AddResource(provider => ClusterModelResource.Define(
                provider.GetRequiredService<UploadSubresource>(), provider.GetRequiredService<ProgressSubresource>(), provider.GetRequiredService<GrantSubresource>()))
            .AddResource(_ => ModelCatalogSourceResource.Define())
            .AddResource(_ => NodeModelCacheResource.Define())
            .AddAdmission<OwnNodeOnly>();

        services.AddHealthChecks().AddCheck<StorageHealthCheck>("storage", timeout: TimeSpan.FromSeconds(3));

        if (options.AuditLogPath is { } auditLog)
        {
            services.AddAuditLog(new AuditOptions
            {
                Path = auditLog,
                MaximumMegabytes = options.AuditLogMaxsize,
                MaximumBackups = options.AuditLogMaxbackup,
                MaximumDays = options.AuditLogMaxage,
            });
        }

        // The machinery ends requests in its own order, which bounds itself: the host must not cut it short.
        services.Configure<HostOptions>(host => host.ShutdownTimeout = options.ShutdownDelayDuration + TimeSpan.FromSeconds(75));
        builder.WebHost.ConfigureKestrel(kestrel => Serve(kestrel, options));
        return builder;
    }

    /// <summary>Serves it: the API, health and metrics.</summary>
    public static WebApplication MapAiModelsApi(this WebApplication app)
    {
        app.MapMetrics();
        app.UsePeers();
        app.UseMiddleware<UploadGate>();
        app.MapApiMachinery();
        return app;
    }

    private static void Serve(KestrelServerOptions kestrel, ApiServerOptions options)
    {
        ServingCertificate certificate = kestrel.ApplicationServices.GetRequiredService<ServingCertificate>();
        ClusterTrust trust = kestrel.ApplicationServices.GetRequiredService<ClusterTrust>();
        kestrel.UseApiServerLimits();
        IPAddress address = IPAddress.Parse(options.BindAddress);
        kestrel.Listen(address, options.SecurePort, listen => listen.CountHandshakeErrors(
            tls => tls.UseServingCertificate(certificate, requestClientCertificate: true, () => trust.Union)));
        if (options.UploadPort > 0)
        {
            kestrel.Listen(address, options.UploadPort, listen =>
            {
                listen.Protocols = HttpProtocols.Http1;
                listen.CountHandshakeErrors(tls => tls.UseServingCertificate(certificate, requestClientCertificate: true));
            });
        }
    }
}
