using System.Globalization;
using System.Text.Json.Nodes;
using AiModels.Contracts.WellKnown;
using AiModels.Hosting.Kubernetes;

namespace AiModels.Controllers.Preparation.Sources.Hubs;

/// <summary>
/// Pauses in a Lease for each hub, <c>ai-models-hub-HOST</c> in the module's namespace: an object made for short-lived words between processes, on which the
/// controllers have rights already for their election. An annotation for each kind of request holds the end; conflicts are resolved by reading again.
/// </summary>
internal sealed partial class LeaseHubPauses(IKubernetesClient client, TimeProvider time, ILogger<LeaseHubPauses> logger) : IHubPauses
{
    private const string Prefix = "ai.deckhouse.io/hub-pause.";

    private const int Attempts = 5;

    // Clocks of machines differ, and a wrong one must not stop everybody: no hub asks for more.
    private static readonly TimeSpan LongestBelieved = TimeSpan.FromHours(1);

    public async Task<IReadOnlyDictionary<string, DateTimeOffset>> ReadAsync(Uri hub, CancellationToken cancellationToken)
    {
        try
        {
            JsonObject? lease = await client.GetAsync(ResourceTypes.Leases, Namespaces.Module, Name(hub), cancellationToken);
            return lease is null ? new Dictionary<string, DateTimeOffset>() : Pauses(lease);
        }
        catch (Exception e) when (IsToBeExpected(e, cancellationToken))
        {
            Log.NotShared(logger, hub.Host, e.Message);
            return new Dictionary<string, DateTimeOffset>();
        }
    }

    public async Task PublishAsync(Uri hub, string bucket, DateTimeOffset until, CancellationToken cancellationToken)
    {
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                await WriteAsync(hub, bucket, until, cancellationToken);
                Log.Paused(logger, hub.Host, bucket, until);
                return;
            }
            catch (KubernetesApiException e) when (e.IsConflict && attempt < Attempts)
            {
                // Somebody else met the same limit: look again.
            }
            catch (Exception e) when (IsToBeExpected(e, cancellationToken))
            {
                Log.NotShared(logger, hub.Host, e.Message);
                return;
            }
        }
    }

    private async Task WriteAsync(Uri hub, string bucket, DateTimeOffset until, CancellationToken cancellationToken)
    {
        JsonObject? lease = await client.GetAsync(ResourceTypes.Leases, Namespaces.Module, Name(hub), cancellationToken);
        if (lease is not null && Pauses(lease).GetValueOrDefault(bucket) >= until)
        {
            return;
        }

        bool isNew = lease is null;
        lease ??= new JsonObject
        {
            ["apiVersion"] = ResourceTypes.Leases.ApiVersion,
            ["kind"] = ResourceTypes.Leases.Kind,
            ["metadata"] = new JsonObject { ["namespace"] = Namespaces.Module, ["name"] = Name(hub) },
        };
        var metadata = (JsonObject)lease["metadata"]!;
        if (metadata["annotations"] is not JsonObject annotations)
        {
            metadata["annotations"] = annotations = [];
        }

        annotations[Prefix + bucket] = until.UtcDateTime.ToString("O", CultureInfo.InvariantCulture);
        DateTimeOffset now = time.GetUtcNow();
        lease["spec"] = new JsonObject
        {
            ["holderIdentity"] = Environment.MachineName,
            ["renewTime"] = now.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.ffffffZ", CultureInfo.InvariantCulture),
            ["leaseDurationSeconds"] = Math.Max(1, (int)(until - now).TotalSeconds),
        };
        _ = isNew
            ? await client.CreateAsync(ResourceTypes.Leases, lease, null, cancellationToken)
            : await client.UpdateAsync(ResourceTypes.Leases, lease, null, cancellationToken);
    }

    private Dictionary<string, DateTimeOffset> Pauses(JsonObject lease)
    {
        DateTimeOffset latest = time.GetUtcNow() + LongestBelieved;
        var pauses = new Dictionary<string, DateTimeOffset>();
        foreach ((string key, JsonNode? value) in lease["metadata"]?["annotations"] as JsonObject ?? [])
        {
            if (key.StartsWith(Prefix, StringComparison.Ordinal)
                && DateTimeOffset.TryParse((string?)value, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out DateTimeOffset until) && until <= latest)
            {
                pauses[key[Prefix.Length..]] = until;
            }
        }

        return pauses;
    }

    /// <summary>A DNS name: the port belongs to the hub's address as well.</summary>
    private static string Name(Uri hub) => "ai-models-hub-" + string.Concat(hub.Authority.ToLowerInvariant().Select(c => char.IsAsciiLetterOrDigit(c) || c == '.' ? c : '-')).Trim('-', '.');

    private static bool IsToBeExpected(Exception e, CancellationToken cancellationToken) =>
        !cancellationToken.IsCancellationRequested && e is KubernetesApiException or HttpRequestException or TimeoutException or OperationCanceledException;

    private static partial class Log
    {
        [LoggerMessage(70, LogLevel.Information, "{Hub} limits requests of kind {Bucket} until {Until}; everybody waits")]
        public static partial void Paused(ILogger logger, string hub, string bucket, DateTimeOffset until);

        [LoggerMessage(71, LogLevel.Debug, "Pauses of {Hub} could not be shared: {Problem}")]
        public static partial void NotShared(ILogger logger, string hub, string problem);
    }
}
