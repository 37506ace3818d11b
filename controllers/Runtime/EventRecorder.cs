using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using AiModels.Contracts.WellKnown;
using AiModels.Hosting.Kubernetes;

namespace AiModels.Controllers.Runtime;

/// <summary>
/// Events of core/v1. The name of an Event is made from its object, reason and message, so that a repetition (after a restart of this process as well)
/// meets the Event that is there and counts it up. Repetitions within <see cref="QuietTime"/> are counted here and written with the next one after it.
/// </summary>
internal sealed partial class EventRecorder(IKubernetesClient client, TimeProvider time, ILogger<EventRecorder> logger) : IEventRecorder
{
    // A condition that flaps every second must not turn into a write every second.
    public static readonly TimeSpan QuietTime = TimeSpan.FromSeconds(30);

    // Kubernetes refuses longer messages (validation of core/v1 Event).
    private const int MessageLimit = 1024;

    // Enough for every object that is failing at once; beyond it the oldest knowledge goes, which costs one extra write.
    private const int MemoryLimit = 4096;

    private readonly Lock _lock = new();
    private readonly Dictionary<string, Seen> _seen = [];

    public async Task RecordAsync(EventTarget target, EventType type, string reason, string message, CancellationToken cancellationToken)
    {
        string text = message.Length > MessageLimit ? string.Concat(message.AsSpan(0, MessageLimit - 1), "…") : message;
        string name = NameOf(target, type, reason, text);
        int count = Count(name);
        if (count == 0)
        {
            return;
        }

        try
        {
            await WriteAsync(target, type, reason, text, name, count, cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            throw;
        }
        catch (KubernetesApiException e) when (e.IsNamespaceTerminating)
        {
            // Nobody could read it any more.
        }
        catch (Exception e)
        {
            Log.NotWritten(logger, reason, target.Kind, target.Namespace, target.Name, e);
            PutBack(name, count);
        }
    }

    /// <summary>Events about cluster-scoped objects live in the namespace default, as upstream has it.</summary>
    private static string NamespaceOf(EventTarget target) => target.Namespace ?? "default";

    private static string NameOf(EventTarget target, EventType type, string reason, string message)
    {
        byte[] hash = SHA256.HashData(Encoding.UTF8.GetBytes($"{target.Kind}\n{target.Namespace}\n{target.Name}\n{target.Uid}\n{type}\n{reason}\n{message}"));

        // 253 characters is the limit of a name; the hash keeps shortened names apart.
        string start = target.Name.Length > 200 ? target.Name[..200].TrimEnd('.', '-') : target.Name;
        return $"{start}.{Convert.ToHexStringLower(hash.AsSpan(0, 8))}";
    }

    private int Count(string name)
    {
        lock (_lock)
        {
            DateTimeOffset now = time.GetUtcNow();
            if (_seen.TryGetValue(name, out Seen? seen))
            {
                seen.Unwritten++;
                if (now - seen.WrittenAt < QuietTime)
                {
                    return 0;
                }
            }
            else
            {
                if (_seen.Count >= MemoryLimit)
                {
                    _seen.Remove(_seen.MinBy(entry => entry.Value.WrittenAt).Key);
                }

                _seen[name] = seen = new Seen { Unwritten = 1 };
            }

            int count = seen.Unwritten;
            seen.Unwritten = 0;
            seen.WrittenAt = now;
            return count;
        }
    }

    private void PutBack(string name, int count)
    {
        lock (_lock)
        {
            if (_seen.TryGetValue(name, out Seen? seen))
            {
                seen.Unwritten += count;
                seen.WrittenAt = DateTimeOffset.MinValue;
            }
        }
    }

    private async Task WriteAsync(
        EventTarget target, EventType type, string reason, string message, string name, int count, CancellationToken cancellationToken)
    {
        string now = time.GetUtcNow().UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ssZ");
        try
        {
            await client.CreateAsync(ResourceTypes.Events, Event(target, type, reason, message, name, count, now), FieldManagers.Controllers, cancellationToken);
        }
        catch (KubernetesApiException e) when (e.IsAlreadyExists)
        {
            JsonObject? known = await client.GetAsync(ResourceTypes.Events, NamespaceOf(target), name, cancellationToken);
            var patch = new JsonObject { ["count"] = ((int?)known?["count"] ?? 0) + count, ["lastTimestamp"] = now };
            await client.PatchAsync(
                ResourceTypes.Events, NamespaceOf(target), name, KubernetesPatch.Merge, patch, null, FieldManagers.Controllers, cancellationToken);
        }
    }

    private static JsonObject Event(EventTarget target, EventType type, string reason, string message, string name, int count, string now) => new()
    {
        ["apiVersion"] = "v1",
        ["kind"] = "Event",
        ["metadata"] = new JsonObject { ["name"] = name, ["namespace"] = NamespaceOf(target) },
        ["involvedObject"] = InvolvedObject(target),
        ["type"] = type.ToString(),
        ["reason"] = reason,
        ["message"] = message,
        ["source"] = new JsonObject { ["component"] = FieldManagers.Controllers },
        ["reportingComponent"] = FieldManagers.Controllers,
        ["reportingInstance"] = FieldManagers.Controllers,
        ["firstTimestamp"] = now,
        ["lastTimestamp"] = now,
        ["count"] = count,
    };

    private static JsonObject InvolvedObject(EventTarget target)
    {
        var reference = new JsonObject { ["apiVersion"] = target.ApiVersion, ["kind"] = target.Kind, ["name"] = target.Name };
        if (target.Namespace is not null)
        {
            reference["namespace"] = target.Namespace;
        }

        if (target.Uid is not null)
        {
            reference["uid"] = target.Uid;
        }

        return reference;
    }

    private sealed class Seen
    {
        public int Unwritten { get; set; }
        public DateTimeOffset WrittenAt { get; set; }
    }

    private static partial class Log
    {
        [LoggerMessage(20, LogLevel.Warning, "Event {Reason} about {Kind} {Namespace}/{Name} could not be written")]
        public static partial void NotWritten(ILogger logger, string reason, string kind, string? @namespace, string name, Exception exception);
    }
}
