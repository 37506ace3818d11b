using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using AiModels.ApiMachinery.Http;
using AiModels.ApiMachinery.Resources;
using AiModels.Hosting.CommandLine;
using AiModels.Hosting.Kubernetes;

namespace AiModels.ApiServer.Access;

/// <summary>
/// Registers who is let in: first the front proxy's word (kube-apiserver), then client certificates, token files and TokenReviews, in upstream's order;
/// what they may do is asked of the host cluster. Without a host cluster only system:masters may do anything.
/// </summary>
internal static class AccessServices
{
    public static IServiceCollection AddAccess(this IServiceCollection services, ApiServerOptions options)
    {
        if (options.RequestheaderClientCaFile is { } proxyAuthorities)
        {
            X509Certificate2Collection trusted = Read("--requestheader-client-ca-file", proxyAuthorities);
            var names = new FrontProxyOptions { AllowedNames = options.RequestheaderAllowedNames };
            services.AddSingleton<IRequestAuthenticator>(provider => new FrontProxyAuthenticator(Verifier(provider, trusted), () => names));
        }

        if (options.ClientCaFile is { } clientAuthorities)
        {
            X509Certificate2Collection trusted = Read("--client-ca-file", clientAuthorities);
            services.AddSingleton<IRequestAuthenticator>(provider => new ClientCertificateAuthenticator(Verifier(provider, trusted)));
        }

        if (options.TokenAuthFile is { } tokens)
        {
            services.AddSingleton<IRequestAuthenticator>(LoadTokens(tokens));
        }

        if (Connection(options.AuthenticationKubeconfig ?? options.Kubeconfig, "--authentication-kubeconfig") is { } authentication)
        {
            services.AddSingleton<IRequestAuthenticator>(provider => new TokenReviewAuthenticator(Client(provider, authentication), Time(provider)));
        }

        if (Connection(options.AuthorizationKubeconfig ?? options.Kubeconfig, "--authorization-kubeconfig") is { } authorization)
        {
            services.AddSingleton<IAuthorizer>(provider => new SubjectAccessReviewAuthorizer(Client(provider, authorization), Time(provider)));
        }

        if (Connection(options.Kubeconfig, "--kubeconfig") is { } cluster)
        {
            services.AddSingleton<INamespaceSource>(provider => new ClusterNamespaces(Client(provider, cluster), Time(provider)));
            services.AddSingleton<IAdmission, NamespaceLifecycle>();
        }

        return services;
    }

    // Null outside of a cluster when no file is named: the server then stands alone.
    private static KubernetesConnection? Connection(string? kubeconfig, string option) =>
        kubeconfig is null && Environment.GetEnvironmentVariable("KUBERNETES_SERVICE_HOST") is null or "" ? null : KubernetesConnection.Load(kubeconfig, option);

    private static KubernetesClient Client(IServiceProvider services, KubernetesConnection connection) => new(connection, Time(services));

    private static TimeProvider Time(IServiceProvider services) => services.GetRequiredService<TimeProvider>();

    private static CertificateVerifier Verifier(IServiceProvider services, X509Certificate2Collection trusted) => new(() => trusted, Time(services));

    private static X509Certificate2Collection Read(string option, string file)
    {
        try
        {
            var certificates = new X509Certificate2Collection();
            certificates.ImportFromPemFile(file);
            return certificates.Count > 0 ? certificates : throw new BadOptionException($"{option}: '{file}' holds no PEM certificate");
        }
        catch (Exception cause) when (cause is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw new BadOptionException($"{option}: {cause.Message}");
        }
    }

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
