using AiModels.Controllers.Preparation.Pipeline;
using AiModels.Hosting;
using AiModels.Hosting.Kubernetes;
using AiModels.ModelPack.Client;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace AiModels.Controllers.Preparation.Jobs;

/// <summary><c>controllers prepare</c>: the stages of one model, then the end. What a preparation Job runs.</summary>
internal static partial class PrepareCommand
{
    /// <summary>0 when the outcome is known and noted, be it a model or a failure; 1 when another Pod should go on where this one ended.</summary>
    public static Task<int> RunAsync(PrepareOptions options, CancellationToken cancellationToken) => RunAsync(options, _ => { }, cancellationToken);

    /// <summary>The same for hosts that bring services of their own.</summary>
    public static async Task<int> RunAsync(PrepareOptions options, Action<IServiceCollection> configure, CancellationToken cancellationToken)
    {
        var collection = new ServiceCollection();
        configure(collection);
        await using ServiceProvider services = Register(collection, options).BuildServiceProvider();
        ILogger logger = services.GetRequiredService<ILoggerFactory>().CreateLogger("AiModels.Controllers.Prepare");
        ModelObject model = await PreparationTask.ReadModelAsync(options.Task, cancellationToken);
        try
        {
            return await RunAsync(options, model, services, cancellationToken);
        }
        catch (Exception e) when (!FailureTranslator.IsUnexpected(e))
        {
            Log.Ended(logger, model.Key, e.Message);
            return 1;
        }
    }

    private static async Task<int> RunAsync(PrepareOptions options, ModelObject model, ServiceProvider services, CancellationToken cancellationToken)
    {
        var registry = services.GetRequiredService<RegistryClient>();
        PreparationOutcome? earlier = await PreparationOutcome.ReadAsync(registry, model.Repository, cancellationToken);
        if (earlier is { Result: not null } && earlier.Attempt == options.Attempt)
        {
            // The Pod before this one died after its last step and before anybody saw it succeed.
            return 0;
        }

        var time = services.GetRequiredService<TimeProvider>();
        var progress = new TransferProgress(time) { Source = earlier?.Source ?? model.Status.Source };
        StageOutcome? outcome = null;
        PreparationResult? result = null;
        await services.GetRequiredService<ProgressReporter>().ReportWhileAsync(model, progress, () => { }, PrepareAsync, cancellationToken);
        var note = new PreparationOutcome
        {
            Attempt = options.Attempt,
            Source = progress.Source,
            Result = result,
            Failure = outcome is StageOutcome.Failure failure ? new JobFailure(failure.Reason, failure.Message, failure.IsRetryable) : null,
        };
        await note.WriteAsync(registry, model.Repository, cancellationToken);
        return note.Failure is { IsRetryable: true } ? 1 : 0;

        async Task PrepareAsync(CancellationToken cancellation)
        {
            await using var context = new PreparationContext(model, registry, progress);
            outcome = await services.GetRequiredService<PreparationPipeline>().RunAsync(context, cancellation);
            result = context.Result;
        }
    }

    private static IServiceCollection Register(IServiceCollection services, PrepareOptions options)
    {
        services.AddComponentLogging("controllers");
        services.AddMetrics();
        services.AddSingleton(options);
        services.AddSingleton<PreparationOptions>(options);
        services.AddSingleton(TimeProvider.System);
        services.AddSingleton(Random.Shared);
        services.TryAddSingleton<IKubernetesClient>(provider =>
            new KubernetesClient(KubernetesConnection.Load(options.Kubeconfig), provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton(provider => new RegistryClient(new RegistryClientOptions
        {
            Address = options.Registry,
            TrustedRoots = ControllerServices.Roots(options.RegistryCaFile, "--registry-ca-file"),
            Grants = new TaskGrants(options.Task, provider.GetRequiredService<TimeProvider>()),
            Time = provider.GetRequiredService<TimeProvider>(),
        }));
        services.AddSingleton<Sources.ISourceTokens>(new TaskTokens(options.Task));
        return services.AddPreparationStages(isJob: true);
    }

    private static partial class Log
    {
        [LoggerMessage(70, LogLevel.Warning, "The attempt to prepare {Model} ends, another one goes on: {Problem}")]
        public static partial void Ended(ILogger logger, ModelKey model, string problem);
    }
}
