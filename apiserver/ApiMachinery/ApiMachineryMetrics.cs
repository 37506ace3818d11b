using System.Diagnostics;
using System.Diagnostics.Metrics;
using AiModels.ApiMachinery.Http;
using AiModels.ApiMachinery.Resources;
using Microsoft.AspNetCore.Http;

namespace AiModels.ApiMachinery;

/// <summary>Metrics under the names that Kubernetes dashboards and alerts know (contract H4).</summary>
internal sealed class ApiMachineryMetrics
{
    public const string MeterName = "AiModels.ApiMachinery";
    private readonly ResourceRegistry _registry;
    private readonly Counter<long> _requests;
    private readonly Histogram<double> _durations;
    private readonly UpDownCounter<long> _inFlight;
    private readonly UpDownCounter<long> _longRunning;
    private readonly Counter<long> _watchEvents;

    public ApiMachineryMetrics(IMeterFactory meters, ResourceRegistry registry)
    {
        _registry = registry;
        Meter meter = meters.Create(MeterName);
        _requests = meter.CreateCounter<long>("apiserver_request_total", "{request}", "Requests by verb, resource and code.");
        _durations = meter.CreateHistogram("apiserver_request_duration_seconds", "s", "How long ordinary requests took.", advice: new InstrumentAdvice<double>
        {
            HistogramBucketBoundaries = [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60],
        });
        _inFlight = meter.CreateUpDownCounter<long>("apiserver_current_inflight_requests", "{request}", "Ordinary requests at this moment.");
        _longRunning = meter.CreateUpDownCounter<long>("apiserver_longrunning_requests", "{request}", "Watches and long-running subresources at this moment.");
        _watchEvents = meter.CreateCounter<long>("apiserver_watch_events_total", "{event}", "Events sent to watchers.");
    }

    public void Request(HttpContext context, RequestInfo info, TimeSpan duration)
    {
        if (!_requests.Enabled && !_durations.Enabled)
        {
            return;
        }

        TagList tags = Tags(info, context.Request.Method);
        if (_durations.Enabled && info.Verb != "watch")
        {
            _durations.Record(duration.TotalSeconds, tags);
        }

        tags.Add("code", context.Response.StatusCode);
        _requests.Add(1, tags);
    }

    public void InFlight(bool isReadOnly, int change)
    {
        if (_inFlight.Enabled)
        {
            _inFlight.Add(change, new KeyValuePair<string, object?>("request_kind", isReadOnly ? "readOnly" : "mutating"));
        }
    }

    /// <summary>Counts a long-running request until disposed.</summary>
    public IDisposable LongRunning(RequestInfo info)
    {
        TagList tags = Tags(info, "");
        _longRunning.Add(1, tags);
        return new Leaving(_longRunning, tags);
    }

    public void WatchEvent(ResourceDefinition definition)
    {
        if (_watchEvents.Enabled)
        {
            _watchEvents.Add(1, new("group", definition.Group), new("version", definition.Version), new("resource", definition.Plural));
        }
    }

    private TagList Tags(RequestInfo info, string method)
    {
        // A path may name anything; labels only what is served.
        ServedResource? served = info.IsResource ? _registry.Find(info) : null;
        bool isKnown = served is not null;
        string subresource = served is not null && (info.Subresource == "status" || served.Subresources.ContainsKey(info.Subresource)) ? info.Subresource : "";
        return new TagList
        {
            { "verb", VerbOf(info, method) },
            { "group", isKnown ? info.Group : "" },
            { "version", isKnown ? info.Version : "" },
            { "resource", isKnown ? info.Resource : "" },
            { "subresource", subresource },
            { "scope", !info.IsResource ? "" : info.Name.Length > 0 ? "resource" : info.Namespace.Length > 0 ? "namespace" : "cluster" },
            { "component", "apiserver" },
        };
    }

    private static string VerbOf(RequestInfo info, string method) => info.Verb switch
    {
        "list" => "LIST",
        "watch" => "WATCH",
        "get" => "GET",
        "create" => "POST",
        "update" => "PUT",
        "patch" => "PATCH",
        "delete" => "DELETE",
        "deletecollection" => "DELETECOLLECTION",
        _ => method is "GET" or "HEAD" or "OPTIONS" or "POST" or "PUT" or "PATCH" or "DELETE" ? method : "OTHER",
    };

    private sealed class Leaving(UpDownCounter<long> counter, TagList tags) : IDisposable
    {
        public void Dispose() => counter.Add(-1, tags);
    }
}
