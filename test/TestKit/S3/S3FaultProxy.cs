using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace AiModels.TestKit.S3;

/// <summary>Stands between a client and a real S3 server, passes everything on as it is (signatures stay valid) and fails what a test wants failed.</summary>
public sealed class S3FaultProxy : IAsyncDisposable
{
    private readonly HttpClient _http = new(new SocketsHttpHandler { AllowAutoRedirect = false }) { Timeout = TimeSpan.FromMinutes(2) };
    private readonly Uri _target;
    private readonly WebApplication _server;

    private S3FaultProxy(Uri target, bool isHttps)
    {
        _target = target;
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen =>
        {
            if (isHttps)
            {
                listen.UseHttps(TestAuthority.Shared.Loopback);
            }
        }));
        builder.Logging.ClearProviders();
        _server = builder.Build();
        _server.Run(AnswerAsync);
    }

    public Uri Endpoint => new(_server.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());

    /// <summary>Decides about each request: null passes it on.</summary>
    public Func<HttpRequest, S3Fault?>? Fault { get; set; }

    /// <summary>Changes the head of an answer before it is passed on.</summary>
    public Action<HttpContext>? Answering { get; set; }

    /// <summary>What came, as "GET /bucket/key?query".</summary>
    public ConcurrentQueue<string> Requests { get; } = [];

    /// <summary>Set when a header came that only the registry may see.</summary>
    public bool HasGrantLeaked { get; private set; }

    /// <param name="isHttps">Whether it is reached by https, with a certificate of <see cref="TestAuthority"/>.</param>
    public static async Task<S3FaultProxy> StartAsync(Uri target, bool isHttps = false)
    {
        var proxy = new S3FaultProxy(target, isHttps);
        await proxy._server.StartAsync();
        return proxy;
    }

    public async ValueTask DisposeAsync()
    {
        // Requests that a test has left hanging are no reason to wait.
        using var now = new CancellationTokenSource();
        await now.CancelAsync();
        await _server.StopAsync(now.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _server.DisposeAsync();
        _http.Dispose();
    }

    private async Task AnswerAsync(HttpContext http)
    {
        HttpRequest request = http.Request;
        Requests.Enqueue($"{request.Method} {request.Path}{request.QueryString}");
        HasGrantLeaked |= request.Headers.Authorization.ToString().StartsWith("Bearer", StringComparison.OrdinalIgnoreCase);
        S3Fault? fault = Fault?.Invoke(request);
        switch (fault)
        {
            case S3Fault.SlowDown:
                await request.Body.CopyToAsync(Stream.Null, http.RequestAborted);
                await RefuseAsync(http.Response, 503, "SlowDown");
                return;
            case S3Fault.Skewed:
                await RefuseAsync(http.Response, 403, "RequestTimeTooSkewed");
                return;
            case S3Fault.NotImplemented:
                await request.Body.CopyToAsync(Stream.Null, http.RequestAborted);
                await RefuseAsync(http.Response, 501, "NotImplemented");
                return;
            case S3Fault.BrokenRequest:
                await request.Body.ReadAtLeastAsync(new byte[1000], 1000, throwOnEndOfStream: false, http.RequestAborted);
                http.Abort();
                return;
            case S3Fault.Silence:
                await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, http.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                return;
        }

        using HttpResponseMessage answer = await _http.SendAsync(Forwarded(request, fault), HttpCompletionOption.ResponseHeadersRead, http.RequestAborted);
        if (fault == S3Fault.LostAnswer)
        {
            http.Abort();
            return;
        }

        await PassAsync(answer, http, fault);
    }

    private HttpRequestMessage Forwarded(HttpRequest request, S3Fault? fault)
    {
        var message = new HttpRequestMessage(new HttpMethod(request.Method), new Uri(_target, request.Path.ToUriComponent() + request.QueryString.ToUriComponent()));
        if (request.ContentLength is not null)
        {
            message.Content = new StreamContent(fault == S3Fault.ChangedRequest ? new FirstByteFlipped(request.Body) : request.Body);
        }

        foreach ((string name, Microsoft.Extensions.Primitives.StringValues values) in request.Headers)
        {
            // Signed with the host that the client knows: the server computes with it as well.
            if (name is not ("Expect" or "Connection") && !message.Headers.TryAddWithoutValidation(name, (IEnumerable<string>)values!))
            {
                message.Content?.Headers.TryAddWithoutValidation(name, (IEnumerable<string>)values!);
            }
        }

        return message;
    }

    private async Task PassAsync(HttpResponseMessage answer, HttpContext http, S3Fault? fault)
    {
        http.Response.StatusCode = (int)answer.StatusCode;
        foreach ((string name, IEnumerable<string> values) in ((HttpHeaders)answer.Headers).Concat(answer.Content.Headers))
        {
            if (name is not ("Transfer-Encoding" or "Connection" or "Keep-Alive"))
            {
                http.Response.Headers[name] = values.ToArray();
            }
        }

        Answering?.Invoke(http);
        if (HttpMethods.IsHead(http.Request.Method) || http.Response.StatusCode is 204 or 304)
        {
            return;
        }

        await using Stream body = await answer.Content.ReadAsStreamAsync(http.RequestAborted);
        if (fault is not (S3Fault.CutAnswer or S3Fault.SilentAnswer))
        {
            await body.CopyToAsync(http.Response.Body, http.RequestAborted);
            return;
        }

        byte[] half = new byte[(answer.Content.Headers.ContentLength ?? 2) / 2];
        await body.ReadExactlyAsync(half, http.RequestAborted);
        await http.Response.Body.WriteAsync(half, http.RequestAborted);
        await http.Response.Body.FlushAsync(http.RequestAborted);
        if (fault == S3Fault.SilentAnswer)
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, http.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        http.Abort();
    }

    private static async Task RefuseAsync(HttpResponse response, int status, string code)
    {
        response.StatusCode = status;
        response.ContentType = "application/xml";
        byte[] body = Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code><Message>as the test wants</Message></Error>"));
        response.ContentLength = body.Length;
        await response.Body.WriteAsync(body);
    }
}

/// <summary>How a request fails.</summary>
public enum S3Fault
{
    /// <summary>503: too many requests.</summary>
    SlowDown,

    /// <summary>403: the clocks differ.</summary>
    Skewed,

    /// <summary>501: this server cannot do that.</summary>
    NotImplemented,

    /// <summary>The connection breaks while the request is sent.</summary>
    BrokenRequest,

    /// <summary>The first byte of the request's body arrives as another one.</summary>
    ChangedRequest,

    /// <summary>No answer ever comes.</summary>
    Silence,

    /// <summary>The server did what was asked, and the connection breaks before it says so.</summary>
    LostAnswer,

    /// <summary>The connection breaks in the middle of the answer's body.</summary>
    CutAnswer,

    /// <summary>The answer's body stops in the middle, and the connection stays open.</summary>
    SilentAnswer,
}
