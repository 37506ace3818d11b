using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using AiModels.Controllers.Delivery;
using AiModels.Controllers.Delivery.NodeCache.Storage;
using AiModels.Controllers.Delivery.Webhook;
using AiModels.Controllers.Preparation;
using AiModels.Controllers.Runtime;
using AiModels.Hosting;
using AiModels.Hosting.CommandLine;
using AiModels.Hosting.Kubernetes;
using AiModels.ModelPack.Client;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace AiModels.Controllers;

/// <summary>The table of contents: everything the controllers consist of.</summary>
public static class ControllerServices
{
    /// <summary>
    /// Registers all controllers. An <see cref="IKubernetesClient"/> that is registered already is used; otherwise one is made from
    /// <see cref="PreparationOptions.Kubeconfig"/> or the Pod's service account.
    /// </summary>
    public static WebApplicationBuilder AddAiModelsControllers(this WebApplicationBuilder builder, ControllersOptions options)
    {
        IServiceCollection services = builder.Services;
        services.AddSingleton(options);
        services.AddSingleton<PreparationOptions>(options);
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton<IKubernetesClient>(provider => new NamespaceRights(
            new KubernetesClient(KubernetesConnection.Load(options.Kubeconfig), provider.GetRequiredService<TimeProvider>()), provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton<ModelGrants>();
        services.AddSingleton(provider => Registry(options, provider));
        if (options.LeaderElect)
        {
            services.AddLeaderElection(options);
        }

        services.AddControllerRuntime();
        services.AddPreparation(withJobs: options.Preparation == PreparationModes.Jobs);
        services.AddDelivery(new DeliveryOptions
        {
            Type = options.DeliveryType,
            StorageClasses = options.SharedPvcStorageClass,
            PrefersWarmNodes = options.PreferWarmNodes,
            NodeCacheStorage = new NodeCacheStorageOptions
            {
                Kind = options.NodeCacheStorage,
                ClassName = options.NodeCacheStorageClass,
                CacheBytes = options.NodeCacheSize,
                BlockDeviceSelector = BlockDeviceSelector.Parse(options.NodeCacheBlockDeviceSelector ?? "") ?? [],
            },
            NodeAgentImage = options.NodeagentImage,
            JobRegistryAddress = options.JobRegistry,
            RegistryCaPem = options.RegistryCaFile is null ? null : File.ReadAllText(options.RegistryCaFile),
        });
        if (options.WebhookListen is { } listen)
        {
            services.AddDeliveryWebhook(new WebhookOptions { Listen = listen, Url = options.WebhookUrl });
        }

        return builder;
    }

    private static void AddLeaderElection(this IServiceCollection services, ControllersOptions options)
    {
        string identity = $"{Environment.MachineName}-{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(4))}";
        services.AddSingleton(provider => new LeaderElection(
            provider.GetRequiredService<IKubernetesClient>(),
            new LeaderElectionOptions(options.LeaderElectNamespace, "ai-models-controllers", identity),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<LeaderElection>>()));
        services.AddSingleton<ElectedLeadership>();
        services.AddSingleton<ILeadership>(provider => provider.GetRequiredService<ElectedLeadership>());
        services.AddHostedService(provider => provider.GetRequiredService<ElectedLeadership>());
    }

    private static RegistryClient Registry(ControllersOptions options, IServiceProvider provider)
    {
        var time = provider.GetRequiredService<TimeProvider>();
        return new RegistryClient(new RegistryClientOptions
        {
            Address = options.Registry,
            TrustedRoots = Roots(options.RegistryCaFile, "--registry-ca-file"),
            Grants = new CachingGrantSource(provider.GetRequiredService<ModelGrants>(), time),
            Time = time,
        });
    }

    /// <summary>Certificates of a PEM file; null for none.</summary>
    internal static X509Certificate2Collection? Roots(string? file, string option)
    {
        if (file is null)
        {
            return null;
        }

        try
        {
            var roots = new X509Certificate2Collection();
            roots.ImportFromPemFile(file);
            return roots;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw new BadOptionException($"{option}: {e.Message}");
        }
    }
}
