using System.Globalization;
using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Http;
using Microsoft.AspNetCore.Http;

namespace AiModels.ApiMachinery.Audit;

/// <summary>Events in the form of audit.k8s.io/v1, level Metadata: who did what to which object, from where, and what became of it.</summary>
internal static class AuditEvent
{
    public const string Started = "ResponseStarted", Complete = "ResponseComplete", Panicked = "Panic";

    /// <param name="user">Who authenticated; the user acted for may be another.</param>
    public static JsonObject Of(HttpContext context, RequestInfo info, string stage, UserInfo user, DateTimeOffset received, DateTimeOffset now)
    {
        var document = new JsonObject
        {
            ["kind"] = "Event",
            ["apiVersion"] = "audit.k8s.io/v1",
            ["level"] = "Metadata",
            ["auditID"] = context.Response.Headers["Audit-ID"].ToString(),
            ["stage"] = stage,
            ["requestURI"] = context.Request.Path.ToUriComponent() + Redacted(context.Request.QueryString),
            ["verb"] = info.Verb,
            ["user"] = Describe(user),
        };
        UserInfo acting = UserFeature.Of(context);
        if (acting.Name != user.Name)
        {
            document["impersonatedUser"] = Describe(acting);
        }

        document["sourceIPs"] = Addresses(context);
        document["userAgent"] = context.Request.Headers.UserAgent.ToString();
        document["objectRef"] = Reference(info);
        document["responseStatus"] = new JsonObject { ["metadata"] = new JsonObject(), ["code"] = context.Response.StatusCode };
        document["requestReceivedTimestamp"] = MicroTime(received);
        document["stageTimestamp"] = MicroTime(now);
        IDictionary<string, string> annotations = AuditAnnotations.Of(context);
        lock (annotations)
        {
            if (annotations.Count > 0)
            {
                document["annotations"] = new JsonObject(annotations.Select(pair => KeyValuePair.Create(pair.Key, (JsonNode?)JsonValue.Create(pair.Value))));
            }
        }

        return document;
    }

    /// <summary>Tells in the log itself that something is missing there.</summary>
    public static JsonObject Lost(long events, DateTimeOffset now) => new()
    {
        ["kind"] = "Event",
        ["apiVersion"] = "audit.k8s.io/v1",
        ["level"] = "Metadata",
        ["auditID"] = Guid.NewGuid().ToString(),
        ["stage"] = Panicked,
        ["verb"] = "",
        ["annotations"] = new JsonObject { ["audit.k8s.io/lost-events"] = events.ToString(CultureInfo.InvariantCulture) },
        ["stageTimestamp"] = MicroTime(now),
    };

    private static JsonObject Reference(RequestInfo info)
    {
        var reference = new JsonObject();
        foreach ((string field, string value) in (ReadOnlySpan<(string, string)>)
        [
            ("resource", info.Resource), ("namespace", info.Namespace), ("name", info.Name), ("apiGroup", info.Group), ("apiVersion", info.Version),
            ("subresource", info.Subresource),
        ])
        {
            if (value.Length > 0)
            {
                reference[field] = value;
            }
        }

        return reference;
    }

    private static JsonObject Describe(UserInfo user)
    {
        var described = new JsonObject { ["username"] = user.Name };
        if (user.Uid.Length > 0)
        {
            described["uid"] = user.Uid;
        }

        if (user.Groups.Count > 0)
        {
            described["groups"] = List(user.Groups);
        }

        if (user.Extra.Count > 0)
        {
            described["extra"] = new JsonObject(user.Extra.Select(pair => KeyValuePair.Create(pair.Key, (JsonNode?)List(pair.Value))));
        }

        return described;
    }

    // Forwarded addresses first, as upstream: the client's own, then those of the proxies.
    private static JsonArray Addresses(HttpContext context)
    {
        IEnumerable<string> addresses = context.Request.Headers["X-Forwarded-For"].ToString().Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            .Append(context.Connection.RemoteIpAddress?.ToString() ?? "");
        return List(addresses.Where(address => System.Net.IPAddress.TryParse(address, out _)).Distinct());
    }

    // A token in the query is a secret like one in a header.
    private static string Redacted(QueryString query) =>
        query.HasValue && query.Value!.Contains("token=", StringComparison.OrdinalIgnoreCase) ? "?REDACTED" : query.ToUriComponent();

    private static string MicroTime(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.ffffffZ", CultureInfo.InvariantCulture);

    private static JsonArray List(IEnumerable<string> values) => [.. values.Select(value => (JsonNode)value)];
}
