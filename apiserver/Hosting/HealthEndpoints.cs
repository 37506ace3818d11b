using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace AiModels.Hosting;

/// <summary>
/// /livez (restart me when this fails) and /readyz (send me no work while this fails), as kube-apiserver serves them: the body is "ok", or with ?verbose or a
/// failure one line a check; /readyz/NAME asks one check, ?exclude=NAME leaves one out.
/// Checks are ordinary ASP.NET health checks: <c>services.AddHealthChecks().AddCheck("store", …)</c>; those with the tag "live" also count for /livez.
/// </summary>
public static class HealthEndpoints
{
    /// <summary>Tag of checks whose failure only a restart cures.</summary>
    public const string LiveTag = "live";

    /// <summary>Registers the service; checks may be added before or after.</summary>
    public static IHealthChecksBuilder AddHealthEndpoints(this IServiceCollection services) =>
        services.AddHealthChecks().AddCheck("ping", () => HealthCheckResult.Healthy(), [LiveTag]);

    /// <summary>Serves /livez, /readyz and the older /healthz.</summary>
    public static void MapHealthEndpoints(this IEndpointRouteBuilder endpoints)
    {
        Map(endpoints, "livez", check => check.Tags.Contains(LiveTag));
        Map(endpoints, "readyz", _ => true);
        Map(endpoints, "healthz", _ => true);
    }

    private static void Map(IEndpointRouteBuilder endpoints, string path, Func<HealthCheckRegistration, bool> include) =>
        endpoints.MapGet($"/{path}/{{name?}}", async (HttpContext http, string? name, HealthCheckService service) =>
        {
            string?[] excluded = [.. http.Request.Query["exclude"]];
            HealthReport report = await service.CheckHealthAsync(
                check => include(check) && (name == null || check.Name == name) && !excluded.Contains(check.Name), http.RequestAborted);
            if (name != null && report.Entries.Count == 0) return Results.NotFound();
            bool healthy = report.Status != HealthStatus.Unhealthy;
            string body = healthy && !http.Request.Query.ContainsKey("verbose") ? "ok" : Verbose(path, report, healthy);
            return Results.Text(body, "text/plain", Encoding.UTF8, healthy ? 200 : 500);
        });

    private static string Verbose(string path, HealthReport report, bool healthy)
    {
        var text = new StringBuilder();
        foreach ((string name, HealthReportEntry entry) in report.Entries.OrderBy(e => e.Key, StringComparer.Ordinal))
        {
            bool ok = entry.Status != HealthStatus.Unhealthy;
            string reason = entry.Description ?? entry.Exception?.Message ?? "unhealthy";
            text.Append(ok ? "[+]" : "[-]").Append(name).Append(ok ? " ok" : $" failed: {reason}").Append('\n');
        }

        return text.Append(path).Append(healthy ? " check passed\n" : " check failed\n").ToString();
    }
}
