using System.Diagnostics;
using System.Diagnostics.Metrics;
using AiModels.ApiMachinery.Http;
using AiModels.ApiMachinery.Resources;
using Microsoft.AspNetCore.Http;

namespace AiModels.ApiMachinery;

/// <summary>Metrics under the names that Kubernetes dashboards and alerts know (contract H4).</summary>
internal sealed class ApiMachineryMetrics
{
    // Upstream's buckets (k8s.io/apiserver/pkg/endpoints/metrics/metrics.go).
    private static readonly double[] Seconds = [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60];
    private static readonly double[] Sizes = [1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];
    private static readonly double[] EventSizes = [1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072];
    private static readonly double[] WatchListSeconds = [0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 2, 4, 6, 8, 10, 15, 20, 30, 45, 60];

    public const string MeterName = "AiModels.ApiMachinery";
    private readonly ResourceRegistry _registry;
    private readonly Counter<long> _requests;
    private readonly Histogram<double> _durations;
    private readonly UpDownCounter<long> _inFlight;
    private readonly UpDownCounter<long> _longRunning;
    private readonly Counter<long> _watchEvents;
    private readonly Histogram<double> _watchEventSizes;
    private readonly Histogram<double> _serviceLevels;
    private readonly Histogram<double> _responseSizes;
    private readonly Histogram<double> _watchLists;
    private readonly Counter<long> _terminations;
    private readonly Counter<long> _aborts;
    private readonly Counter<long> _handshakeErrors;

    public ApiMachineryMetrics(IMeterFactory meters, ResourceRegistry registry)
    {
        _registry = registry;
        Meter meter = meters.Create(MeterName);
        _requests = meter.CreateCounter<long>("apiserver_request_total", "{request}", "Requests by verb, resource and code.");
        _durations = Histogram(meter, "apiserver_request_duration_seconds", "s", "How long ordinary requests took.", Seconds);
        _serviceLevels = Histogram(meter, "apiserver_request_sli_duration_seconds", "s", "How long ordinary requests took, admission webhooks included.", Seconds);
        _responseSizes = Histogram(meter, "apiserver_response_sizes", "", "Bytes of answers whose length is known beforehand.", Sizes);
        _watchEventSizes = Histogram(meter, "apiserver_watch_events_sizes", "", "Bytes of events sent to watchers.", EventSizes);
        _watchLists = Histogram(meter, "apiserver_watch_list_duration_seconds", "s", "How long watches took to send what existed.", WatchListSeconds);
        _terminations = meter.CreateCounter<long>("apiserver_request_terminations_total", "{request}", "Requests refused or ended to protect the server.");
        _aborts = meter.CreateCounter<long>("apiserver_request_aborts_total", "{request}", "Requests whose answer was broken off.");
        _inFlight = meter.CreateUpDownCounter<long>("apiserver_current_inflight_requests", "{request}", "Ordinary requests at this moment.");
        _longRunning = meter.CreateUpDownCounter<long>("apiserver_longrunning_requests", "{request}", "Watches and long-running subresources at this moment.");
        _watchEvents = meter.CreateCounter<long>("apiserver_watch_events_total", "{event}", "Events sent to watchers.");
        _handshakeErrors = meter.CreateCounter<long>("apiserver_tls_handshake_errors_total", "{connection}", "Connections whose TLS handshake failed.");
        _handshakeErrors.Add(0); // An alert on its rate needs a first value before the first error.
    }

    public void HandshakeFailed() => _handshakeErrors.Add(1);

    public void Request(HttpContext context, RequestInfo info, TimeSpan duration)
    {
        if (!_requests.Enabled && !_durations.Enabled)
        {
            return;
        }

        TagList tags = Tags(info, context.Request.Method);
        if (info.Verb != "watch")
        {
            _serviceLevels.Record(duration.TotalSeconds, tags);
            if (context.Response.ContentLength is { } bytes)
            {
                _responseSizes.Record(bytes, tags);
            }

            tags.Add("dry_run", DryRunOf(context));
            _durations.Record(duration.TotalSeconds, tags);
        }
        else
        {
            tags.Add("dry_run", "");
        }

        tags.Add("code", context.Response.StatusCode);
        tags.Add("system_client", SystemClientOf(context));
        _requests.Add(1, tags);
    }

    /// <summary>A request that was refused or ended to protect the server.</summary>
    public void Terminated(RequestInfo info) => _terminations.Add(1, Tags(info, ""));

    /// <summary>An answer that had to be broken off.</summary>
    public void Aborted(RequestInfo info) => _aborts.Add(1, Tags(info, ""));

    /// <summary>A watch has sent what existed when it began.</summary>
    public void InitialEventsSent(ResourceDefinition definition, TimeSpan duration) => _watchLists.Record(
        duration.TotalSeconds, new("group", definition.Group), new("version", definition.Version), new("resource", definition.Plural),
        new("scope", definition.Scope == ResourceScope.Namespaced ? "namespace" : "cluster"));

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

    public void WatchEvent(ResourceDefinition definition, int bytes)
    {
        if (_watchEvents.Enabled)
        {
            KeyValuePair<string, object?> group = new("group", definition.Group), version = new("version", definition.Version), resource = new("resource", definition.Plural);
            _watchEvents.Add(1, group, version, resource);
            _watchEventSizes.Record(bytes, group, version, resource);
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

    private static string DryRunOf(HttpContext context) =>
        context.Request.QueryString.HasValue && context.Request.Query["dryRun"].ToString() == "All" ? "All" : "";

    // Which of the control plane's own programs asks, as upstream tells them.
    private static string SystemClientOf(HttpContext context) => UserFeature.Of(context).Name switch
    {
        "system:apiserver" => "apiserver",
        "system:kube-controller-manager" => "kube-controller-manager",
        "system:kube-scheduler" => "kube-scheduler",
        _ => "",
    };

    private static Histogram<double> Histogram(Meter meter, string name, string unit, string description, double[] buckets) =>
        meter.CreateHistogram(name, unit, description, advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = buckets });

    private static string VerbOf(RequestInfo info, string method) => info.Verb switch
    {
        "list" => "LIST",
        "watch" => "WATCH",
        "get" => "GET",
        "create" => "POST",
        "update" => "PUT",
        "patch" when info.IsApply => "APPLY",
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
