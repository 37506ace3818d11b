using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace AiModels.Hosting;

/// <summary>
/// Serves /metrics, and nothing else, on an address of its own: for a program whose other endpoints are on a socket because nobody in the network may reach them.
/// A server of its own, so that no route of the program's can ever be found there.
/// </summary>
/// <param name="address">http://ADDRESS:PORT.</param>
public sealed class MetricsServer(Uri address) : IHostedService, IAsyncDisposable
{
    private WebApplication? _app;

    /// <summary>Where it serves, once it has started.</summary>
    public IReadOnlyCollection<string> Addresses => [.. _app?.Urls ?? []];

    /// <summary>Binds the address; throws when somebody else has it.</summary>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.AddServerHeader = false).UseUrls(address.AbsoluteUri);
        builder.Services.AddRouting();
        _app = builder.Build();
        _app.MapMetrics();
        await _app.StartAsync(cancellationToken);
    }

    public Task StopAsync(CancellationToken cancellationToken) => _app?.StopAsync(cancellationToken) ?? Task.CompletedTask;

    public ValueTask DisposeAsync() => _app?.DisposeAsync() ?? ValueTask.CompletedTask;
}
