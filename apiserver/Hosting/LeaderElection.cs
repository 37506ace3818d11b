using System.Globalization;
using System.Text.Json.Nodes;
using AiModels.Hosting.Kubernetes;
using Microsoft.Extensions.Logging;

namespace AiModels.Hosting;

/// <summary>How a component elects its leader. The durations are client-go's defaults.</summary>
/// <param name="Namespace">Of the Lease.</param>
/// <param name="Name">Of the Lease.</param>
/// <param name="Identity">Unique to this process, for instance host name and a random part.</param>
public sealed record LeaderElectionOptions(string Namespace, string Name, string Identity)
{
    /// <summary>How long others wait after the last renewal they saw.</summary>
    public TimeSpan LeaseDuration { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>How long the leader tries to renew before it steps down: less than <see cref="LeaseDuration"/>, so that there are never two.</summary>
    public TimeSpan RenewDeadline { get; init; } = TimeSpan.FromSeconds(10);
    public TimeSpan RetryPeriod { get; init; } = TimeSpan.FromSeconds(2);
}

/// <summary>
/// Leader election on a Lease, as client-go does it: expiry is judged by when this process saw the Lease change, never by comparing clocks of machines.
/// </summary>
public sealed partial class LeaderElection(IKubernetesClient client, LeaderElectionOptions options, TimeProvider time, ILogger<LeaderElection> logger)
{
    private string _observedVersion = "";
    private long _observedAt;
    private JsonObject? _lease;

    /// <summary>
    /// Waits to become the leader, then runs <paramref name="lead"/> until it ends, the call is cancelled, or leadership is lost: then its token is cancelled
    /// and, once it has ended, the wait begins anew. On cancellation the Lease is given back, so that a successor need not wait.
    /// </summary>
    public async Task RunAsync(Func<CancellationToken, Task> lead, CancellationToken cancellationToken)
    {
        while (true)
        {
            await AcquireAsync(cancellationToken);
            Log.Leading(logger, options.Identity, options.Namespace, options.Name);
            using var leading = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            Task work = lead(leading.Token);
            Task renewal = RenewAsync(leading.Token);
            await Task.WhenAny(work, renewal);
            bool finished = work.IsCompleted;
            await leading.CancelAsync();
            await Task.WhenAll(work, renewal).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (finished || cancellationToken.IsCancellationRequested)
            {
                await ReleaseAsync();
                await work;
                return;
            }

            Log.Lost(logger, options.Identity, options.Namespace, options.Name);
        }
    }

    private async Task AcquireAsync(CancellationToken cancellationToken)
    {
        while (!await TryAsync(cancellationToken)) await Task.Delay(options.RetryPeriod, time, cancellationToken);
    }

    /// <summary>Returns when leadership is lost.</summary>
    private async Task RenewAsync(CancellationToken cancellationToken)
    {
        while (await RenewInTimeAsync(cancellationToken))
        {
        }
    }

    /// <summary>Keeps the Lease once more. An API that does not answer at all must not keep us leading: somebody else may have the Lease by then.</summary>
    private async Task<bool> RenewInTimeAsync(CancellationToken cancellationToken)
    {
        using var deadline = new CancellationTokenSource(options.RenewDeadline, time);
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, deadline.Token);
        try
        {
            do await Task.Delay(options.RetryPeriod, time, linked.Token);
            while (!await TryAsync(linked.Token));
            return true;
        }
        catch (OperationCanceledException) when (deadline.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            return false;
        }
    }

    /// <summary>One attempt to take or keep the Lease.</summary>
    private async Task<bool> TryAsync(CancellationToken cancellationToken)
    {
        try
        {
            JsonObject? current = await client.GetAsync(ResourceTypes.Leases, options.Namespace, options.Name, cancellationToken);
            if (current == null)
            {
                _lease = await client.CreateAsync(ResourceTypes.Leases, NewLease(), options.Identity, cancellationToken);
                return true;
            }

            Observe(current);
            string holder = (string?)current["spec"]?["holderIdentity"] ?? "";
            bool mine = holder == options.Identity;
            if (!mine && holder.Length > 0 && time.GetElapsedTime(_observedAt) < options.LeaseDuration) return false;
            int transitions = ((int?)current["spec"]?["leaseTransitions"] ?? 0) + (mine ? 0 : 1);
            JsonNode? acquired = mine ? current["spec"]?["acquireTime"]?.DeepClone() : null;
            current["spec"] = Spec(options.Identity, options.LeaseDuration, transitions, acquired);
            _lease = await client.UpdateAsync(ResourceTypes.Leases, current, null, cancellationToken);
            Observe(_lease);
            return true;
        }
        catch (Exception e) when (e is KubernetesApiException or HttpRequestException)
        {
            // Somebody else was faster, or the API cannot be reached: the next attempt sees the new state.
            Log.Attempt(logger, options.Namespace, options.Name, e.Message);
            return false;
        }
    }

    private void Observe(JsonObject lease)
    {
        string version = (string?)lease["metadata"]?["resourceVersion"] ?? "";
        if (version == _observedVersion) return;
        (_observedVersion, _observedAt) = (version, time.GetTimestamp());
    }

    private async Task ReleaseAsync()
    {
        if (_lease == null) return;
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(2), time);
        try
        {
            _lease["spec"] = Spec("", TimeSpan.FromSeconds(1), (int?)_lease["spec"]?["leaseTransitions"] ?? 0, null);
            await client.UpdateAsync(ResourceTypes.Leases, _lease, null, deadline.Token);
        }
        catch (Exception e) when (e is KubernetesApiException or HttpRequestException or OperationCanceledException)
        {
            Log.Attempt(logger, options.Namespace, options.Name, e.Message);
        }
    }

    private JsonObject NewLease() => new()
    {
        ["apiVersion"] = "coordination.k8s.io/v1",
        ["kind"] = "Lease",
        ["metadata"] = new JsonObject { ["namespace"] = options.Namespace, ["name"] = options.Name },
        ["spec"] = Spec(options.Identity, options.LeaseDuration, 0, null),
    };

    private JsonObject Spec(string holder, TimeSpan duration, int transitions, JsonNode? acquired)
    {
        // metav1.MicroTime
        string now = time.GetUtcNow().ToString("yyyy-MM-ddTHH:mm:ss.ffffffZ", CultureInfo.InvariantCulture);
        return new JsonObject
        {
            ["holderIdentity"] = holder,
            ["leaseDurationSeconds"] = (int)duration.TotalSeconds,
            ["acquireTime"] = acquired ?? now,
            ["renewTime"] = now,
            ["leaseTransitions"] = transitions,
        };
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Information, "{Identity} leads (Lease {Namespace}/{Name})")]
        public static partial void Leading(ILogger logger, string identity, string @namespace, string name);

        [LoggerMessage(2, LogLevel.Warning, "{Identity} lost the leadership (Lease {Namespace}/{Name})")]
        public static partial void Lost(ILogger logger, string identity, string @namespace, string name);

        [LoggerMessage(3, LogLevel.Debug, "Lease {Namespace}/{Name}: {Reason}")]
        public static partial void Attempt(ILogger logger, string @namespace, string name, string reason);
    }
}
