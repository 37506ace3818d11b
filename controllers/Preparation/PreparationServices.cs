using AiModels.Controllers.Cleanup;
using AiModels.Controllers.Integrity;
using AiModels.Controllers.Preparation.Archives;
using AiModels.Controllers.Preparation.Formats;
using AiModels.Controllers.Preparation.Formats.Diffusers;
using AiModels.Controllers.Preparation.Formats.Gguf;
using AiModels.Controllers.Preparation.Formats.Safetensors;
using AiModels.Controllers.Preparation.Jobs;
using AiModels.Controllers.Preparation.Pipeline;
using AiModels.Controllers.Preparation.Sources;
using AiModels.Controllers.Preparation.Sources.HuggingFace;
using AiModels.Controllers.Preparation.Sources.Hubs;
using AiModels.Controllers.Preparation.Sources.Ollama;
using AiModels.Controllers.Preparation.Sources.Upload;
using AiModels.Controllers.Preparation.Stages;
using AiModels.Controllers.Runtime;
using AiModels.Controllers.Uploads;
using AiModels.Hosting.Kubernetes;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace AiModels.Controllers.Preparation;

/// <summary>Registers preparation: what can be read, in which order it is done, and who leads it.</summary>
internal static class PreparationServices
{
    // Reconciling is quick; the long work is the workers'.
    private const int Reconcilers = 4;

    public static IServiceCollection AddPreparation(this IServiceCollection services, bool withJobs)
    {
        services.AddPreparationStages(isJob: false);
        services.AddPreparationWorkers(withJobs);
        services.AddSingleton<UploadAccess>();
        services.AddSingleton<ModelCleanup>();
        services.AddSingleton<ModelStatusWriter>();
        services.AddSingleton<ModelEvents>();
        services.AddSingleton<ChunkRestorer>();
        services.AddSingleton<ContentWatch>();
        services.AddHostedService(provider => provider.GetRequiredService<ContentWatch>());
        services.AddSingleton<ContentRepair>();
        services.AddHostedService(provider => provider.GetRequiredService<ContentRepair>());
        services.AddMetrics();
        services.AddSingleton<ControllersMetrics>();
        return services.AddController<ModelKey, ModelReconciler>("models", Reconcilers, Watch);
    }

    /// <summary>What carries a model from its source to the registry: the same in these controllers and in a Job.</summary>
    public static IServiceCollection AddPreparationStages(this IServiceCollection services, bool isJob)
    {
        services.TryAddSingleton<ISourceTokens, SecretTokens>();
        services.AddSingleton<UploadSessions>();
        services.AddSingleton<IModelSource, UploadSource>();
        services.AddHubs();
        services.AddHuggingFace();
        services.AddOllama();

        services.AddSingleton<IArchiveReader, ZipArchiveReader>();
        services.AddSingleton<IArchiveReader, GzipTarReader>();
        services.AddSingleton<IArchiveReader, ZstdTarReader>();
        services.AddSingleton<IArchiveReader, TarArchiveReader>();

        // In the order in which they are asked: a pipeline may hold anything below its index; where Safetensors and GGUF lie side by side, Safetensors are
        // taken (Q2).
        services.AddSingleton<IModelFormat, DiffusersFormat>();
        services.AddSingleton<IModelFormat, SafetensorsFormat>();
        services.AddSingleton<IModelFormat, GgufFormat>();

        services.AddSingleton<IPreparationStage, ResolveSource>();
        if (isJob)
        {
            services.AddSingleton<IPreparationStage, FreezeSource>();
        }

        services.AddSingleton<IPreparationStage, Detect>();
        services.AddSingleton<IPreparationStage, TakeTurn>();
        services.AddSingleton<IPreparationStage, Verify>();
        services.AddSingleton<IPreparationStage, ReserveCapacity>();
        services.AddSingleton<IPreparationStage, Pack>();
        services.AddSingleton<IPreparationStage, Commit>();
        services.AddSingleton<IPreparationStage, ReleaseCapacity>();
        services.TryAddSingleton<ICapacity, RegistryCapacity>();
        services.AddSingleton<PreparationPipeline>();
        return services.AddSingleton<ProgressReporter>();
    }

    private static void AddPreparationWorkers(this IServiceCollection services, bool withJobs)
    {
        if (withJobs)
        {
            services.AddSingleton<JobTasks>();
            services.AddSingleton<JobWorkers>();
            services.TryAddSingleton<IPreparationWorkers>(provider => provider.GetRequiredService<JobWorkers>());
            services.AddHostedService(provider => provider.GetRequiredService<JobWorkers>());
            return;
        }

        services.AddSingleton<InProcessWorkers>();
        services.TryAddSingleton<IPreparationWorkers>(provider => provider.GetRequiredService<InProcessWorkers>());
        services.AddHostedService(provider => provider.GetRequiredService<InProcessWorkers>());
    }

    private static void Watch(IServiceProvider provider, WorkQueue<ModelKey> queue)
    {
        var informers = provider.GetRequiredService<Informers>();
        informers.Get(ResourceTypes.Models, ModelVersion.Of).Subscribe(change => queue.Add(ModelKey.OfModel(change.Key)));
        informers.Get(ResourceTypes.ClusterModels, ModelVersion.Of).Subscribe(change => queue.Add(ModelKey.OfClusterModel(change.Key)));
        provider.GetRequiredService<IPreparationWorkers>().Changed += queue.Add;
        provider.GetRequiredService<ContentWatch>().Changed += queue.Add;
        provider.GetRequiredService<ContentRepair>().Changed += queue.Add;
    }

    /// <summary>All that must be known of a model to wake its reconciler, which reads the model itself.</summary>
    private sealed record ModelVersion(string? ResourceVersion)
    {
        public static ModelVersion Of(System.Text.Json.Nodes.JsonObject document) => new((string?)document["metadata"]?["resourceVersion"]);
    }
}
