using System.Net;
using System.Security.Cryptography.X509Certificates;
using AiModels.ApiMachinery;
using AiModels.ApiMachinery.Admission;
using AiModels.ApiMachinery.Discovery;
using AiModels.ApiMachinery.Http;
using AiModels.ApiMachinery.Resources;
using AiModels.ApiMachinery.Storage.Sqlite;
using AiModels.Hosting;
using AiModels.Hosting.Certificates;
using AiModels.LocalCluster.Host.Access;
using AiModels.LocalCluster.Host.Admission;
using AiModels.LocalCluster.Host.Aggregation;
using AiModels.LocalCluster.Host.Protobuf;

namespace AiModels.LocalCluster.Host;

/// <summary>The stand-in for kube-apiserver: the host's kinds on our own machinery, and the AI Models API behind it.</summary>
internal static class HostApi
{
    public static WebApplication Create(LocalClusterOptions options, ClusterPaths paths, ClusterCertificates certificates, HostTypes types)
    {
        WebApplicationBuilder builder = ComponentHosting.CreateBuilder("host");
        IServiceCollection services = builder.Services;
        services.AddSqliteObjectStore(new SqliteStoreOptions { Path = Path.Combine(paths.Host, "host.db") });
        services.AddSingleton(ServiceAccountTokens.LoadOrCreate(paths.Pki, TimeProvider.System));
        X509Certificate2Collection authorities = [certificates.Authority.Certificate];
        services.AddSingleton<IRequestAuthenticator>(new ClientCertificateAuthenticator(new CertificateVerifier(() => authorities, TimeProvider.System)));
        services.AddSingleton<ServiceAccountAuthenticator>();
        services.AddSingleton<IRequestAuthenticator>(p => p.GetRequiredService<ServiceAccountAuthenticator>());
        services.AddSingleton<IAuthorizer, RbacAuthorizer>();
        services.AddSingleton<INamespaceSource, HostNamespaces>();
        ApiGroupBuilder api = services.AddApiMachinery(o => o.Title = "Kubernetes");
        api.AddAdmission<NamespaceLifecycle>();
        services.AddSingleton<IWebhookSource, HostWebhooks>();
        services.AddWebhookAdmission();
        foreach (ResourceDefinition definition in types.Definitions) api.AddResource(p => WithSubresources(definition, p, paths));
        AddAggregation(services, options, certificates, types);

        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Limits.MaxRequestBodySize = null; // the machinery has its own limit, the proxy none
            kestrel.Limits.MinRequestBodyDataRate = null;
            kestrel.Limits.MinResponseDataRate = null;
            kestrel.Listen(IPAddress.Loopback, options.Port, listen => listen.UseServingCertificate(
                new ServingCertificate(certificates.Host.CertificateFile, certificates.Host.KeyFile, TimeProvider.System), requestClientCertificate: true));
        });
        WebApplication app = builder.Build();
        app.UseProtobufBodies();
        app.UseWhen(http => AggregatorProxy.Covers(http.Request.Path), branch => branch.Run(branch.ApplicationServices.GetRequiredService<AggregatorProxy>().HandleAsync));
        app.MapReviews();
        app.MapGet("/openapi/v2", (HttpContext http, MergedOpenApi openApi) => openApi.HandleAsync(http));
        app.MapMetrics();
        app.MapApiMachinery();
        return app;
    }

    private static void AddAggregation(IServiceCollection services, LocalClusterOptions options, ClusterCertificates certificates, HostTypes types)
    {
        services.AddSingleton(options);
        services.AddSingleton(_ => new AggregationClient(
            new Uri($"https://127.0.0.1:{options.Port + 1}"), certificates.Authority.Certificate,
            X509Certificate2.CreateFromPemFile(certificates.FrontProxy.CertificateFile, certificates.FrontProxy.KeyFile)));
        services.AddSingleton(types);
        services.AddSingleton<MergedOpenApi>();
        services.AddSingleton<AggregatorProxy>();
        services.AddSingleton<IAggregatedApis, AggregatedApi>();
    }

    private static ResourceDefinition WithSubresources(ResourceDefinition definition, IServiceProvider services, ClusterPaths paths) => definition switch
    {
        { Group: "", Plural: "serviceaccounts" } => definition with { Subresources = [new TokenSubresource(services.GetRequiredService<ServiceAccountTokens>())] },
        { Group: "apps", Plural: "deployments" or "replicasets" or "statefulsets" } => definition with { Subresources = [new ScaleSubresource()] },
        { Group: "", Plural: "pods" } => definition with { Subresources = [new PodLogSubresource(paths, services.GetRequiredService<TimeProvider>())] },
        _ => definition,
    };
}
