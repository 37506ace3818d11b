using System.Buffers;
using System.Net;
using AiModels.ApiMachinery.Errors;
using AiModels.ApiMachinery.Http;
using AiModels.Contracts.V1Alpha1;
using Microsoft.AspNetCore.Http.Features;

namespace AiModels.LocalCluster.Host.Aggregation;

/// <summary>
/// Passes /apis/ai.deckhouse.io on to its server, as kube-apiserver's aggregation layer does: the host authenticates, the server behind authorizes.
/// Bodies and answers stream both ways (uploads, watches); nothing is buffered whole.
/// </summary>
internal sealed class AggregatorProxy(AggregationClient client, IEnumerable<IRequestAuthenticator> authenticators, LocalClusterOptions options, TimeProvider time)
{
    // RFC 9110, section 7.6.1: these belong to one connection. The X-Remote family is ours alone to set; credentials stay here.
    private static readonly HashSet<string> NotPassedOn = new(StringComparer.OrdinalIgnoreCase)
    {
        "Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection", "TE", "Trailer", "Transfer-Encoding", "Upgrade", "Host", "Authorization", "Expect",
    };

    private readonly IRequestAuthenticator[] _authenticators = [.. authenticators];

    /// <summary>Whether a path belongs to the server behind.</summary>
    public static bool Covers(PathString path) =>
        path.StartsWithSegments("/apis/" + GroupVersion.Group) || path.StartsWithSegments("/openapi/v3/apis/" + GroupVersion.Group);

    public async Task HandleAsync(HttpContext http)
    {
        using var deadline = new CancellationTokenSource(IsWatch(http.Request) ? Timeout.InfiniteTimeSpan : options.RequestTimeout, time);
        using var end = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted, deadline.Token);
        try
        {
            UserInfo user = await AuthenticateAsync(http);
            await ForwardAsync(http, user, end.Token);
        }
        catch (Exception e) when (e is OperationCanceledException or HttpRequestException && deadline.IsCancellationRequested && !http.Response.HasStarted && !http.RequestAborted.IsCancellationRequested)
        {
            ApiException timeout = ApiError.Timeout("request did not complete within the allotted timeout");
            http.Response.StatusCode = timeout.Code;
            await http.Response.WriteAsJsonAsync(timeout.Status, http.RequestAborted);
        }
        catch (ApiException e) when (!http.Response.HasStarted)
        {
            http.Response.StatusCode = e.Code;
            await http.Response.WriteAsJsonAsync(e.Status, http.RequestAborted);
        }
        catch (HttpRequestException) when (!http.Response.HasStarted && !http.RequestAborted.IsCancellationRequested)
        {
            // The words of kube-apiserver when the server of an APIService is not there.
            http.Response.StatusCode = 503;
            http.Response.Headers.RetryAfter = "1";
            await http.Response.WriteAsync("service unavailable", http.RequestAborted);
        }
        catch (Exception e) when (e is OperationCanceledException or HttpRequestException or IOException)
        {
            http.Abort();
        }
    }

    private async Task<UserInfo> AuthenticateAsync(HttpContext http)
    {
        string? failure = BearerToken.Of(http) != null ? "nobody knows the bearer token" : null;
        foreach (IRequestAuthenticator authenticator in _authenticators)
        {
            AuthenticationResult result = await authenticator.AuthenticateAsync(http, http.RequestAborted);
            if (result.User is { } user) return user.Authenticated();
            failure ??= result.Failure;
        }

        return failure == null ? UserInfo.Anonymous : throw ApiError.Unauthorized();
    }

    // Like kube-apiserver, which lets nothing but watches (and what speaks other protocols) live longer than --request-timeout.
    private static bool IsWatch(HttpRequest request) => RequestInfo.IsTrue(request.Query, "watch");

    private async Task ForwardAsync(HttpContext http, UserInfo user, CancellationToken cancellationToken)
    {
        if (http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit) limit.MaxRequestBodySize = null;
        using HttpRequestMessage request = client.Request(new HttpMethod(http.Request.Method), http.Request.Path.ToUriComponent() + http.Request.QueryString.ToUriComponent(), user);
        bool hasBody = http.Features.Get<IHttpRequestBodyDetectionFeature>()?.CanHaveBody == true;
        if (hasBody) request.Content = new StreamContent(http.Request.Body, 256 * 1024);
        foreach ((string name, var values) in http.Request.Headers)
        {
            if (name.StartsWith(':') || NotPassedOn.Contains(name) || name.StartsWith("X-Remote-", StringComparison.OrdinalIgnoreCase)) continue;
            if (!request.Headers.TryAddWithoutValidation(name, (IEnumerable<string>)values!)) request.Content?.Headers.TryAddWithoutValidation(name, (IEnumerable<string>)values!);
        }

        using HttpResponseMessage answer = await client.SendAsync(request, cancellationToken);
        http.Response.StatusCode = (int)answer.StatusCode;
        foreach ((string name, IEnumerable<string> values) in answer.Headers.Concat(answer.Content.Headers))
            if (!NotPassedOn.Contains(name)) http.Response.Headers[name] = values.ToArray();
        await CopyAsync(answer, http, cancellationToken);
    }

    /// <summary>Each piece is sent on when it comes: a watch's events must not wait for more.</summary>
    private static async Task CopyAsync(HttpResponseMessage answer, HttpContext http, CancellationToken cancellationToken)
    {
        if (http.Request.Method == "HEAD" || answer.StatusCode is HttpStatusCode.NoContent or HttpStatusCode.NotModified) return;

        // The headers go out at once: starting the response alone leaves them in the buffer, and a watch's client waits for them before anything happens.
        await http.Response.Body.FlushAsync(cancellationToken);
        await using Stream source = await answer.Content.ReadAsStreamAsync(cancellationToken);
        byte[] buffer = ArrayPool<byte>.Shared.Rent(64 * 1024);
        try
        {
            int read;
            while ((read = await source.ReadAsync(buffer, cancellationToken)) > 0)
            {
                await http.Response.Body.WriteAsync(buffer.AsMemory(0, read), cancellationToken);
                await http.Response.Body.FlushAsync(cancellationToken);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
