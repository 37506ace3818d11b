using System.Net;
using System.Net.Http.Headers;
using Polly;
using Polly.Retry;

namespace AiModels.ModelPack.Client;

/// <summary>
/// Sends requests: adds the grant, follows redirects, and tries again what may be tried again. Requests come as factories, because a request
/// can be sent only once. Everything this client sends can safely be repeated: content is addressed by digest.
/// </summary>
internal sealed class RegistryTransport : IDisposable
{
    // Registries redirect once, to their storage; 5 leaves room for a storage that redirects by region.
    private const int MaxRedirects = 5;

    // 1 MB/s: below that an upload is as good as stalled.
    private const double SlowestUploadBytesPerSecond = 1e6;

    private readonly RegistryClientOptions _options;
    private readonly HttpClient _http;
    private readonly ResiliencePipeline<HttpResponseMessage> _retries;

    public RegistryTransport(RegistryClientOptions options)
    {
        _options = options;
        (Uri baseAddress, HttpMessageHandler handler) = RegistryAddress.Open(options);
        _http = new HttpClient(handler, disposeHandler: options.Handler is null) { BaseAddress = baseAddress, Timeout = Timeout.InfiniteTimeSpan };
        _retries = BuildRetries(options);
    }

    /// <summary>The host that holds the credentials' scope.</summary>
    public Uri BaseAddress => _http.BaseAddress!;

    /// <summary>
    /// The answer, with its body unread. Answers that say no are answers too; only what never became one is thrown,
    /// as <see cref="HttpRequestException"/> or <see cref="TimeoutException"/>.
    /// </summary>
    public async Task<HttpResponseMessage> SendAsync(string repository, string[] actions, Func<HttpRequestMessage> request, CancellationToken cancellationToken)
    {
        ResilienceContext context = ResilienceContextPool.Shared.Get(cancellationToken);
        try
        {
            return await _retries.ExecuteAsync(
                static async (context, state) => await state.Self.SendAuthorizedAsync(state.Repository, state.Actions, state.Request, context.CancellationToken),
                context,
                (Self: this, Repository: repository, Actions: actions, Request: request));
        }
        finally
        {
            ResilienceContextPool.Shared.Return(context);
        }
    }

    public void Dispose() => _http.Dispose();

    private static ResiliencePipeline<HttpResponseMessage> BuildRetries(RegistryClientOptions options)
    {
        var builder = new ResiliencePipelineBuilder<HttpResponseMessage> { TimeProvider = options.Time };
        return options.MaxRetries == 0 ? builder.Build() : builder.AddRetry(new RetryStrategyOptions<HttpResponseMessage>
        {
            MaxRetryAttempts = options.MaxRetries,
            Delay = options.FirstRetryDelay,
            MaxDelay = TimeSpan.FromSeconds(10),
            BackoffType = DelayBackoffType.Exponential,
            UseJitter = true,
            ShouldHandle = static arguments => ValueTask.FromResult(IsWorthRetrying(arguments.Outcome)),
            DelayGenerator = static arguments => ValueTask.FromResult(arguments.Outcome.Result?.Headers.RetryAfter?.Delta),
            OnRetry = static arguments =>
            {
                arguments.Outcome.Result?.Dispose();
                return default;
            },
        }).Build();
    }

    private static bool IsWorthRetrying(Outcome<HttpResponseMessage> outcome) => outcome switch
    {
        { Exception: HttpRequestException or TimeoutException or IOException } => true,
        { Result.StatusCode: HttpStatusCode.RequestTimeout or HttpStatusCode.TooManyRequests } => true,
        { Result.StatusCode: HttpStatusCode.BadGateway or HttpStatusCode.ServiceUnavailable or HttpStatusCode.GatewayTimeout } => true,
        { Result.StatusCode: HttpStatusCode.InternalServerError } => true,
        _ => false,
    };

    /// <summary>One attempt, and a second with a fresh grant when the first one was refused.</summary>
    private async Task<HttpResponseMessage> SendAuthorizedAsync(string repository, string[] actions, Func<HttpRequestMessage> request, CancellationToken cancellationToken)
    {
        // A repository is what a grant is for; asking whether anybody is there needs none.
        if (repository.Length == 0 || _options.Grants is not { } grants)
        {
            return await FollowAsync(request, token: null, cancellationToken);
        }

        AccessToken token = await grants.GetTokenAsync(repository, actions, cancellationToken);
        HttpResponseMessage response = await FollowAsync(request, token, cancellationToken);
        if (response.StatusCode != HttpStatusCode.Unauthorized)
        {
            return response;
        }

        grants.Invalidate(repository, token);
        AccessToken fresh = await grants.GetTokenAsync(repository, actions, cancellationToken);
        if (fresh == token)
        {
            return response;
        }

        response.Dispose();
        return await FollowAsync(request, fresh, cancellationToken);
    }

    private async Task<HttpResponseMessage> FollowAsync(Func<HttpRequestMessage> request, AccessToken? token, CancellationToken cancellationToken)
    {
        Uri? target = null;
        for (int hop = 0; ; hop++)
        {
            HttpRequestMessage message = request();
            target ??= new Uri(BaseAddress, message.RequestUri!);
            message.RequestUri = target;

            // The grant is for this registry alone: a presigned URL of another host carries its own signature.
            if (token is not null && IsOurs(target))
            {
                message.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token.Token);
            }

            HttpResponseMessage response = await SendOnceAsync(message, cancellationToken);
            bool mayFollow = message.Method == HttpMethod.Get || message.Method == HttpMethod.Head;
            if (!mayFollow || !IsRedirect(response) || response.Headers.Location is not { } location)
            {
                return response;
            }

            response.Dispose();
            target = hop < MaxRedirects ? CheckedTarget(target, location) : throw new HttpRequestException($"{BaseAddress.Authority} redirected more than {MaxRedirects} times.");
        }
    }

    private bool IsOurs(Uri target) => target.Scheme == BaseAddress.Scheme && target.Authority == BaseAddress.Authority;

    private static bool IsRedirect(HttpResponseMessage response) =>
        response.StatusCode is HttpStatusCode.MovedPermanently or HttpStatusCode.Found or HttpStatusCode.SeeOther or HttpStatusCode.TemporaryRedirect or HttpStatusCode.PermanentRedirect;

    private static Uri CheckedTarget(Uri from, Uri location)
    {
        var target = new Uri(from, location);
        bool allowed = target.Scheme == Uri.UriSchemeHttps || (target.Scheme == Uri.UriSchemeHttp && from.Scheme == Uri.UriSchemeHttp);
        return allowed ? target : throw new HttpRequestException($"{from.Authority} redirected to {target.Scheme}://{target.Authority}, which is less protected than {from.Scheme}.");
    }

    private async Task<HttpResponseMessage> SendOnceAsync(HttpRequestMessage message, CancellationToken cancellationToken)
    {
        double seconds = _options.StallTimeout.TotalSeconds + ((message.Content?.Headers.ContentLength ?? 0) / SlowestUploadBytesPerSecond);
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(seconds), _options.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, patience.Token);
        try
        {
            return await _http.SendAsync(message, HttpCompletionOption.ResponseHeadersRead, either.Token);
        }
        catch (OperationCanceledException e) when (patience.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException($"{message.Method} {message.RequestUri!.AbsolutePath}: no answer within {seconds:0} s.", e);
        }
    }
}
