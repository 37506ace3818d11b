using AiModels.Hosting.Metrics;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using OpenTelemetry;
using OpenTelemetry.Logs;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace AiModels.Hosting;

/// <summary>
/// Logs, metrics and traces leave the process by OTLP when the standard variable OTEL_EXPORTER_OTLP_ENDPOINT is set (its siblings apply too:
/// OTEL_EXPORTER_OTLP_HEADERS, …_PROTOCOL); metrics can always be scraped at /metrics.
/// </summary>
public static class Telemetry
{
    private const string Endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT";

    /// <summary>Starts the exporters of a component; they end with the service provider.</summary>
    public static IServiceCollection AddTelemetry(this IServiceCollection services, string component)
    {
        services.AddMetrics();
        // Collecting starts here, so that the first scrape already knows what happened since the start.
        services.AddSingleton(PrometheusExporter.Process);
        if (string.IsNullOrEmpty(Environment.GetEnvironmentVariable(Endpoint))) return services;

        ResourceBuilder resource = ResourceBuilder.CreateDefault().AddService("aimodels-" + component);
        services.AddSingleton(Sdk.CreateMeterProviderBuilder().SetResourceBuilder(resource)
            .AddMeter("aimodels.*", "AiModels.*", "Microsoft.AspNetCore.*", "System.Net.Http", "System.Runtime").AddOtlpExporter().Build());
        services.AddSingleton(Sdk.CreateTracerProviderBuilder().SetResourceBuilder(resource)
            .AddSource("aimodels.*", "AiModels.*", "Microsoft.AspNetCore", "System.Net.Http").AddOtlpExporter().Build());
        services.AddLogging(logging => logging.AddOpenTelemetry(options => options.SetResourceBuilder(resource).AddOtlpExporter()));
        return services;
    }

    /// <summary>Serves /metrics in the Prometheus text format.</summary>
    public static IEndpointConventionBuilder MapMetrics(this IEndpointRouteBuilder endpoints) =>
        endpoints.MapGet("/metrics", () => Results.Text(PrometheusExporter.Process.Write(), PrometheusExporter.ContentType));
}
