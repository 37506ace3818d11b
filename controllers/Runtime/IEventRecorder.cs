using System.Text.Json.Nodes;
using AiModels.Contracts.V1Alpha1;

namespace AiModels.Controllers.Runtime;

/// <summary>Writes Events: words a person can act on, found with <c>kubectl describe</c>.</summary>
internal interface IEventRecorder
{
    /// <summary>
    /// Records that something happened to an object. The same words about the same object are one Event with a count.
    /// Never fails: an Event that cannot be written is logged and counted again with the next one.
    /// </summary>
    Task RecordAsync(EventTarget target, EventType type, string reason, string message, CancellationToken cancellationToken);
}

/// <summary>Normal or Warning, as core/v1 spells them.</summary>
internal enum EventType
{
    Normal,
    Warning,
}

/// <summary>What an Event is about.</summary>
internal sealed record EventTarget(string ApiVersion, string Kind, string? Namespace, string Name, string? Uid)
{
    public static EventTarget Of(string apiVersion, string kind, ObjectMeta metadata) =>
        new(apiVersion, kind, metadata.Namespace, metadata.Name ?? "", metadata.Uid);

    public static EventTarget Of(JsonObject obj) => new(
        (string?)obj["apiVersion"] ?? "",
        (string?)obj["kind"] ?? "",
        (string?)obj["metadata"]?["namespace"],
        (string?)obj["metadata"]?["name"] ?? "",
        (string?)obj["metadata"]?["uid"]);
}
