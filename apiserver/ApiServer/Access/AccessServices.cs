using AiModels.ApiMachinery.Admission;
using AiModels.ApiMachinery.Http;
using AiModels.ApiMachinery.Resources;
using AiModels.Hosting.CommandLine;
using AiModels.Hosting.Kubernetes;

namespace AiModels.ApiServer.Access;

/// <summary>
/// Registers who is let in: first the front proxy's word (kube-apiserver), then client certificates, token files and TokenReviews, in upstream's order;
/// what they may do is asked of the host cluster, and so is what its admission webhooks say. Without a host cluster only system:masters may do anything.
/// </summary>
internal static class AccessServices
{
    public static IServiceCollection AddAccess(this IServiceCollection services, ApiServerOptions options)
    {
        KubernetesConnection? authentication = Connection(options.AuthenticationKubeconfig ?? options.Kubeconfig, "--authentication-kubeconfig");
        KubernetesConnection? authorization = Connection(options.AuthorizationKubeconfig ?? options.Kubeconfig, "--authorization-kubeconfig");
        services.AddTrust(options, authentication);
        if (options.TokenAuthFile is { } tokens)
        {
            services.AddSingleton<IRequestAuthenticator>(LoadTokens(tokens));
        }

        if (authentication is not null)
        {
            services.AddSingleton<IRequestAuthenticator>(provider => new TokenReviewAuthenticator(Client(provider, authentication), Time(provider)));
        }

        if (authorization is not null)
        {
            services.AddSingleton<IAuthorizer>(provider => new SubjectAccessReviewAuthorizer(Client(provider, authorization), Time(provider)));
        }

        if (Connection(options.Kubeconfig, "--kubeconfig") is { } cluster)
        {
            services.AddClusterAdmission(cluster);
        }

        return services;
    }

    // Nothing is looked up where the options say everything, or say that nothing is to be looked up.
    private static void AddTrust(this IServiceCollection services, ApiServerOptions options, KubernetesConnection? connection)
    {
        bool looksUp = connection is not null && !options.AuthenticationSkipLookup
            && (options.ClientCaFile is null || options.RequestheaderClientCaFile is null);
        ClusterCache? Cache(IServiceProvider provider) => looksUp
            ? Caching(provider, connection!, ResourceTypes.ConfigMaps, ClusterTrust.Namespace, "metadata.name=" + ClusterTrust.Name)
            : null;
        services.AddKeyedSingleton(ClusterTrust.Name, (provider, _) => Cache(provider)!);
        services.AddSingleton(provider => new ClusterTrust(
            options, looksUp ? Client(provider, connection!) : null, looksUp ? provider.GetRequiredKeyedService<ClusterCache>(ClusterTrust.Name) : null,
            Time(provider), provider.GetRequiredService<ILogger<ClusterTrust>>()));
        services.AddHostedService(provider => provider.GetRequiredService<ClusterTrust>());
        if (looksUp)
        {
            services.AddSingleton<IHostedService>(provider => provider.GetRequiredKeyedService<ClusterCache>(ClusterTrust.Name));
        }

        services.AddSingleton<IRequestAuthenticator>(provider =>
        {
            ClusterTrust trust = provider.GetRequiredService<ClusterTrust>();
            return new FrontProxyAuthenticator(new CertificateVerifier(() => trust.ProxyAuthorities, Time(provider)), () => trust.FrontProxy);
        });
        services.AddSingleton<IRequestAuthenticator>(provider =>
        {
            ClusterTrust trust = provider.GetRequiredService<ClusterTrust>();
            return new ClientCertificateAuthenticator(new CertificateVerifier(() => trust.ClientAuthorities, Time(provider)));
        });
    }

    private static void AddClusterAdmission(this IServiceCollection services, KubernetesConnection cluster)
    {
        foreach (ResourceType type in (ResourceType[])[ClusterNamespaces.Type, ClusterWebhooks.Mutating, ClusterWebhooks.Validating])
        {
            services.AddKeyedSingleton(type.Plural, (provider, _) => Caching(provider, cluster, type, null, null));
            services.AddSingleton<IHostedService>(provider => provider.GetRequiredKeyedService<ClusterCache>(type.Plural)); // AddHostedService takes one of a type
        }

        services.AddSingleton(provider => new ClusterNamespaces(
            provider.GetRequiredKeyedService<ClusterCache>(ClusterNamespaces.Type.Plural), Client(provider, cluster), Time(provider)));
        services.AddSingleton<INamespaceSource>(provider => provider.GetRequiredService<ClusterNamespaces>());
        services.AddSingleton<IWebhookSource>(provider => new ClusterWebhooks(
            provider.GetRequiredKeyedService<ClusterCache>(ClusterWebhooks.Mutating.Plural),
            provider.GetRequiredKeyedService<ClusterCache>(ClusterWebhooks.Validating.Plural),
            provider.GetRequiredService<ClusterNamespaces>()));
        services.AddSingleton<IAdmission, NamespaceLifecycle>();
        services.AddWebhookAdmission();
        services.AddHealthChecks().AddCheck<ClusterSyncHealthCheck>("informer-sync");
    }

    // Null outside of a cluster when no file is named: the server then stands alone.
    private static KubernetesConnection? Connection(string? kubeconfig, string option) =>
        kubeconfig is null && Environment.GetEnvironmentVariable("KUBERNETES_SERVICE_HOST") is null or "" ? null : KubernetesConnection.Load(kubeconfig, option);

    private static ClusterCache Caching(IServiceProvider services, KubernetesConnection connection, ResourceType type, string? ns, string? fieldSelector) =>
        new(Client(services, connection), type, ns, fieldSelector, Time(services), services.GetRequiredService<ILogger<ClusterCache>>());

    private static KubernetesClient Client(IServiceProvider services, KubernetesConnection connection) => new(connection, Time(services));

    private static TimeProvider Time(IServiceProvider services) => services.GetRequiredService<TimeProvider>();

    private static StaticTokenAuthenticator LoadTokens(string file)
    {
        try
        {
            return StaticTokenAuthenticator.Load(file);
        }
        catch (Exception cause) when (cause is IOException or UnauthorizedAccessException or FormatException)
        {
            throw new BadOptionException($"--token-auth-file: {cause.Message}");
        }
    }
}
