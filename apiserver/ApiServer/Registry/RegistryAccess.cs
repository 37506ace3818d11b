using System.Security.Cryptography.X509Certificates;
using AiModels.ApiMachinery.Storage;
using AiModels.ApiServer.Subresources;
using AiModels.ModelPack.Client;

namespace AiModels.ApiServer.Registry;

/// <summary>Registers the way to the registry: the key that grants are signed with, and a client that signs its own.</summary>
internal static class RegistryAccess
{
    public static IServiceCollection AddModelRegistry(this IServiceCollection services, ApiServerOptions options) => services
        .AddSingleton(provider => new GrantKeyring(options, provider.GetRequiredService<IObjectStore>(), provider.GetRequiredService<TimeProvider>()))
        .AddHostedService<GrantKeyPublisher>()
        .AddSingleton(provider => OpenClient(options, provider))
        .AddSingleton(new GrantOptions(options.RegistryUrl ?? options.Registry));

    private static RegistryClient OpenClient(ApiServerOptions options, IServiceProvider services)
    {
        TimeProvider time = services.GetRequiredService<TimeProvider>();
        return new RegistryClient(new RegistryClientOptions
        {
            Address = options.Registry,
            TrustedRoots = options.RegistryCaFile is { } file ? Roots(file) : null,
            Grants = new CachingGrantSource(new SigningGrantSource(services.GetRequiredService<GrantKeyring>()), time),
            Time = time,
        });
    }

    private static X509Certificate2Collection Roots(string file)
    {
        var roots = new X509Certificate2Collection();
        roots.ImportFromPemFile(file);
        return roots;
    }
}
