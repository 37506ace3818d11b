using Polly;
using Polly.Retry;

namespace AiModels.Controllers.Preparation.Sources.Hubs;

/// <summary>What is tried again when a hub fails, and how often: one policy for listings and for bytes.</summary>
internal static class HubRetry
{
    public static ResiliencePipeline Build(HubPatience patience, TimeProvider time) => new ResiliencePipelineBuilder { TimeProvider = time }
        .AddRetry(new RetryStrategyOptions
        {
            MaxRetryAttempts = patience.Retries,
            Delay = patience.FirstDelay,
            MaxDelay = patience.LongestDelay,
            BackoffType = DelayBackoffType.Exponential,
            UseJitter = true,
            ShouldHandle = static arguments => ValueTask.FromResult(arguments.Outcome.Exception is { } e && IsWorthRetrying(e)),
        })
        .Build();

    /// <summary>Failures of the way and of the hub's moment; not a refusal.</summary>
    public static bool IsWorthRetrying(Exception e) => e is HttpRequestException or IOException or TimeoutException or HubException { IsTransient: true };
}
