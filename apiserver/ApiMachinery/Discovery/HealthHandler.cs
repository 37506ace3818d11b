using System.Text;
using AiModels.ApiMachinery.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace AiModels.ApiMachinery.Discovery;

/// <summary>
/// /livez, /readyz and /healthz in upstream's format (k8s.io/apiserver/pkg/server/healthz; contract H5, H6): the reason of a failure is for the log, because
/// anybody may ask. Checks are ASP.NET health checks; those with the tag "live" also count for /livez.
/// </summary>
internal sealed partial class HealthHandler(
    HealthCheckService checks, IOptions<HealthCheckServiceOptions> options, ServerShutdown shutdown, ILogger<HealthHandler> log)
{
    private const string LiveTag = "live";
    private static readonly string[] BuiltIn = ["ping", "log"];

    /// <summary>Whether a path below one of the three names a check, or none.</summary>
    public bool Covers(string[] parts) => parts.Length == 1 || (parts.Length > 1 && NamesOf(parts[0]).Contains(string.Join('/', parts[1..])));

    public async Task HandleAsync(HttpContext context, string[] parts)
    {
        string endpoint = parts[0];
        string[] names = parts.Length > 1 ? [string.Join('/', parts[1..])] : [.. NamesOf(endpoint)];
        string[] excluded = [.. context.Request.Query["exclude"].OfType<string>()];
        HashSet<string> failed = await FailuresAsync([.. names.Except(excluded)], context.RequestAborted);

        context.Response.ContentType = "text/plain; charset=utf-8";
        context.Response.Headers.XContentTypeOptions = "nosniff";
        context.Response.StatusCode = failed.Count == 0 ? 200 : 500;
        bool isTold = failed.Count > 0 || (context.Request.Query.ContainsKey("verbose") && parts.Length == 1);
        await context.Response.WriteAsync(isTold ? Report(endpoint, names, excluded, failed) : "ok", context.RequestAborted);
    }

    private IEnumerable<string> NamesOf(string endpoint)
    {
        IEnumerable<string> registered = options.Value.Registrations
            .Where(check => endpoint != "livez" || check.Tags.Contains(LiveTag)).Select(check => check.Name);
        return BuiltIn.Union(registered).Concat(endpoint == "readyz" ? ["shutdown"] : []);
    }

    private async Task<HashSet<string>> FailuresAsync(string[] names, CancellationToken cancellationToken)
    {
        HashSet<string> failed = [];
        HealthReport report = await checks.CheckHealthAsync(check => names.Contains(check.Name), cancellationToken);
        foreach ((string name, HealthReportEntry entry) in report.Entries)
        {
            if (entry.Status == HealthStatus.Unhealthy)
            {
                Log.Failed(log, name, entry.Description ?? entry.Exception?.Message ?? "unhealthy");
                failed.Add(name);
            }
        }

        if (names.Contains("shutdown") && shutdown.HasBegun)
        {
            failed.Add("shutdown");
        }

        return failed;
    }

    private static string Report(string endpoint, string[] names, string[] excluded, HashSet<string> failed)
    {
        var text = new StringBuilder();
        foreach (string name in names)
        {
            text.Append(excluded.Contains(name) ? $"[+]{name} excluded: ok\n" : failed.Contains(name) ? $"[-]{name} failed: reason withheld\n" : $"[+]{name} ok\n");
        }

        string[] unknown = [.. excluded.Except(names)];
        if (unknown.Length > 0)
        {
            text.Append($"warn: some health checks cannot be excluded: no matches for {string.Join(", ", unknown.Select(name => $"\"{name}\""))}\n");
        }

        return text.Append(endpoint).Append(failed.Count == 0 ? " check passed\n" : " check failed\n").ToString();
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Information, "The health check {Check} failed: {Reason}")]
        public static partial void Failed(ILogger log, string check, string reason);
    }
}
