using AiModels.Hosting.Logging;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;

namespace AiModels.Hosting;

/// <summary>
/// What every component has in common. Program.cs reads:
/// <code>
/// WebApplicationBuilder builder = ComponentHosting.CreateBuilder("registry");
/// builder.Services.AddRegistry(options);
/// WebApplication app = builder.Build();
/// app.MapComponentEndpoints();
/// app.MapRegistry();
/// await app.RunAsync(cancellationToken);
/// </code>
/// </summary>
public static class ComponentHosting
{
    /// <summary>
    /// A web application builder without implicit configuration sources (options come from our command line alone), with readable logs on standard error,
    /// telemetry, health checks, the system's clock, and Kestrel without its Server header.
    /// </summary>
    public static WebApplicationBuilder CreateBuilder(string component)
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ApplicationName = component });
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            // kube-apiserver multiplexes all of its clients over few connections; the default of 100 stalls behind it.
            kestrel.Limits.Http2.MaxStreamsPerConnection = 1000;
        });
        builder.Services.AddRouting();
        builder.Services.AddComponentServices(component);
        return builder;
    }

    /// <summary>The same for a component that serves nothing.</summary>
    public static IServiceCollection AddComponentServices(this IServiceCollection services, string component)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.AddComponentLogging(component);
        services.AddTelemetry(component);
        services.AddHealthEndpoints();
        services.Replace(ServiceDescriptor.Singleton<IHostLifetime, OwnersLifetime>());
        // Work in flight gets this long after SIGTERM; long streams are cut then.
        services.Configure<HostOptions>(o => o.ShutdownTimeout = TimeSpan.FromSeconds(5));
        return services;
    }

    /// <summary>/livez, /readyz, /healthz and /metrics.</summary>
    public static void MapComponentEndpoints(this WebApplication app)
    {
        app.MapHealthEndpoints();
        app.MapMetrics();
    }

    /// <summary>
    /// Console logs on standard error, readable or (AIMODELS_LOG_FORMAT=json) one JSON document a line; AIMODELS_LOG_LEVEL is the least level of our own
    /// categories, default Information. The frameworks below speak from Warning on.
    /// </summary>
    public static IServiceCollection AddComponentLogging(this IServiceCollection services, string component)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton(new ComponentName(component));
        LogLevel level = Enum.TryParse(Environment.GetEnvironmentVariable("AIMODELS_LOG_LEVEL"), ignoreCase: true, out LogLevel given) ? given : LogLevel.Information;
        return services.AddLogging(logging =>
        {
            logging.SetMinimumLevel(level);
            logging.AddFilter("Microsoft", level < LogLevel.Debug ? level : LogLevel.Warning);
            logging.AddFilter("System", LogLevel.Warning);
            // Each probe of a check that fails would be an error line; the probe's answer says it already.
            logging.AddFilter("Microsoft.Extensions.Diagnostics.HealthChecks", LogLevel.None);
            if (Environment.GetEnvironmentVariable("AIMODELS_LOG_FORMAT") == "json")
            {
                logging.AddJsonConsole(o => (o.UseUtcTimestamp, o.TimestampFormat) = (true, "yyyy-MM-ddTHH:mm:ss.fffZ"));
            }
            else
            {
                logging.AddConsole(o => o.FormatterName = ReadableConsoleFormatter.FormatterName);
                logging.AddConsoleFormatter<ReadableConsoleFormatter, ConsoleFormatterOptions>();
            }

            logging.Services.Configure<ConsoleLoggerOptions>(o => o.LogToStandardErrorThreshold = LogLevel.Trace);
        });
    }

    /// <summary>
    /// Signals are the command line's business (CommandLineApplication): it cancels the token of RunAsync. Were each of several hosts in one process to listen
    /// to them as well, they would stop in no order.
    /// </summary>
    private sealed class OwnersLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
