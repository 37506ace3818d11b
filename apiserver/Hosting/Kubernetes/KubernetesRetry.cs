using System.Net;
using Polly;
using Polly.Retry;

namespace AiModels.Hosting.Kubernetes;

/// <summary>
/// The one retry policy of calls to the API: a connection that failed before an answer could be given, and 429 and 503 answers that say when to come back.
/// A write whose answer was lost is not repeated; the caller knows whether that is safe. Reads are.
/// </summary>
internal static class KubernetesRetry
{
    // 0.1 + 0.2 + 0.4 + 0.8 + 1.6 s (with jitter): rides over a restart of the server, but does not hide an outage.
    private const int Attempts = 5;
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(30);

    public static ResiliencePipeline<HttpResponseMessage> Create(bool repeatable, TimeProvider time) =>
        new ResiliencePipelineBuilder<HttpResponseMessage> { TimeProvider = time }
            .AddRetry(new RetryStrategyOptions<HttpResponseMessage>
            {
                MaxRetryAttempts = Attempts,
                Delay = TimeSpan.FromMilliseconds(100),
                BackoffType = DelayBackoffType.Exponential,
                UseJitter = true,
                ShouldHandle = args => new ValueTask<bool>(args.Outcome switch
                {
                    { Exception: HttpRequestException e } => repeatable || IsBeforeSending(e),
                    { Result: { } answer } => IsComeBack(answer),
                    _ => false,
                }),
                DelayGenerator = args => new ValueTask<TimeSpan?>(RetryAfter(args.Outcome.Result)),
                OnRetry = args =>
                {
                    args.Outcome.Result?.Dispose();
                    return default;
                },
            })
            .Build();

    private static bool IsBeforeSending(HttpRequestException e) =>
        e.HttpRequestError is HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError or HttpRequestError.ProxyTunnelError;

    private static bool IsComeBack(HttpResponseMessage answer) =>
        answer.StatusCode is HttpStatusCode.TooManyRequests or HttpStatusCode.ServiceUnavailable && answer.Headers.RetryAfter?.Delta is { } delta && delta <= LongestPause;

    private static TimeSpan? RetryAfter(HttpResponseMessage? answer) => answer?.Headers.RetryAfter?.Delta;
}
