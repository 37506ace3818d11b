using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Http;
using AiModels.ApiMachinery.Storage;

namespace AiModels.LocalCluster.Host.Access;

/// <summary>
/// Role-based access control over the host's own Roles and bindings (https://kubernetes.io/docs/reference/access-authn-authz/rbac/). What a service account
/// may not do is logged, once: a component that lacks a right is a mistake of its manifests.
/// </summary>
internal sealed partial class RbacAuthorizer(IObjectStore store, ILogger<RbacAuthorizer> log) : IAuthorizer
{
    private const string Group = "rbac.authorization.k8s.io";
    private readonly MastersAuthorizer _basic = new();
    private readonly ConcurrentDictionary<ObjectKey, (long Revision, JsonObject Document)> _parsed = new();
    private readonly ConcurrentDictionary<string, bool> _refused = new(StringComparer.Ordinal);

    public async ValueTask<AuthorizationDecision> AuthorizeAsync(AuthorizationAttributes attributes, CancellationToken cancellationToken)
    {
        if ((await _basic.AuthorizeAsync(attributes, cancellationToken)).IsAllowed) return AuthorizationDecision.Allow;
        foreach (JsonObject binding in await ListAsync("clusterrolebindings", "", cancellationToken))
            if (await GrantsAsync(binding, "", attributes, cancellationToken)) return AuthorizationDecision.Allow;
        if (attributes.Namespace.Length > 0)
        {
            foreach (JsonObject binding in await ListAsync("rolebindings", attributes.Namespace, cancellationToken))
                if (await GrantsAsync(binding, attributes.Namespace, attributes, cancellationToken)) return AuthorizationDecision.Allow;
        }

        if (attributes.User.Name.StartsWith("system:serviceaccount:", StringComparison.Ordinal)) Tell(attributes);
        return AuthorizationDecision.Deny();
    }

    private void Tell(AuthorizationAttributes asked)
    {
        string what = asked.IsResource
            ? $"{asked.Verb} {asked.Resource}{(asked.Subresource.Length > 0 ? "/" : "")}{asked.Subresource}{(asked.Group.Length > 0 ? "." : "")}{asked.Group} in namespace '{asked.Namespace}'"
            : $"{asked.Verb} {asked.Path}";
        if (_refused.TryAdd($"{asked.User.Name} {what}", true)) Log.Refused(log, asked.User.Name, what);
    }

    /// <summary>All rules that a user has in a namespace (kubectl auth can-i --list).</summary>
    public async Task<IReadOnlyList<JsonObject>> RulesOfAsync(UserInfo user, string ns, CancellationToken cancellationToken)
    {
        List<JsonObject> rules = [];
        foreach ((string resource, string scope) in new[] { ("clusterrolebindings", ""), ("rolebindings", ns) })
        {
            foreach (JsonObject binding in await ListAsync(resource, scope, cancellationToken))
                rules.AddRange((await RulesOfAsync(binding, scope, user, cancellationToken)).Select(r => r.DeepClone().AsObject()));
        }

        return rules;
    }

    private async Task<bool> GrantsAsync(JsonObject binding, string ns, AuthorizationAttributes attributes, CancellationToken cancellationToken) =>
        (await RulesOfAsync(binding, ns, attributes.User, cancellationToken)).Any(r => Allows(r, attributes));

    /// <summary>The rules that a binding gives to a user; none when it is not about that user.</summary>
    private async Task<IEnumerable<JsonObject>> RulesOfAsync(JsonObject binding, string ns, UserInfo user, CancellationToken cancellationToken)
    {
        if (!binding.Items("subjects").Any(s => Is(s, ns, user))) return [];
        bool cluster = (string?)binding.At("roleRef.kind") == "ClusterRole";
        var key = new ObjectKey(Group, cluster ? "clusterroles" : "roles", cluster ? "" : ns, (string?)binding.At("roleRef.name") ?? "");
        return await store.GetAsync(key, cancellationToken) is { } role ? await RulesAsync(Parse(role), cancellationToken) : [];
    }

    // admin, edit and view have no rules of their own: those of the roles with the labels they select.
    private async Task<IEnumerable<JsonObject>> RulesAsync(JsonObject role, CancellationToken cancellationToken)
    {
        JsonObject[] selectors = [.. role.Items("aggregationRule.clusterRoleSelectors")];
        return selectors.Length == 0
            ? role.Items("rules")
            : (await ListAsync("clusterroles", "", cancellationToken)).Where(r => selectors.Any(s => Selects(s, r))).SelectMany(r => r.Items("rules"));
    }

    private static bool Selects(JsonObject selector, JsonObject role) =>
        selector["matchLabels"] is JsonObject labels && labels.All(l => role.Label(l.Key) == (string?)l.Value);

    private static bool Is(JsonObject subject, string ns, UserInfo user) => (string?)subject["kind"] switch
    {
        "User" => (string?)subject["name"] == user.Name,
        "Group" => user.Groups.Contains((string?)subject["name"]),
        "ServiceAccount" => $"system:serviceaccount:{(string?)subject["namespace"] ?? ns}:{subject["name"]}" == user.Name,
        _ => false,
    };

    private static bool Allows(JsonObject rule, AuthorizationAttributes asked)
    {
        if (!Has(rule["verbs"], asked.Verb)) return false;
        if (!asked.IsResource)
            return Texts(rule["nonResourceURLs"]).Any(u => u == asked.Path || u == "*" || (u.EndsWith('*') && asked.Path.StartsWith(u[..^1], StringComparison.Ordinal)));
        string resource = asked.Subresource.Length == 0 ? asked.Resource : $"{asked.Resource}/{asked.Subresource}";
        return Has(rule["apiGroups"], asked.Group)
            && (Has(rule["resources"], resource) || (asked.Subresource.Length > 0 && Texts(rule["resources"]).Contains($"*/{asked.Subresource}")))
            && (rule["resourceNames"] is not JsonArray { Count: > 0 } || Texts(rule["resourceNames"]).Contains(asked.Name));
    }

    private static bool Has(JsonNode? list, string value) => Texts(list).Any(t => t == value || t == "*");

    private static IEnumerable<string> Texts(JsonNode? list) => (list as JsonArray ?? []).Select(t => (string?)t ?? "");

    private async Task<IEnumerable<JsonObject>> ListAsync(string resource, string ns, CancellationToken cancellationToken)
    {
        StoredList list = await store.ListAsync(new ListRequest { Prefix = ObjectKey.PrefixOf(Group, resource, ns) }, cancellationToken);
        return list.Objects.Select(Parse);
    }

    // Nobody changes what is parsed; each request of a component asks for all of it.
    private JsonObject Parse(StoredObject stored)
    {
        if (_parsed.TryGetValue(stored.Key, out var known) && known.Revision == stored.Revision) return known.Document;
        JsonObject document = JsonNode.Parse(stored.Value.Span)!.AsObject();
        _parsed[stored.Key] = (stored.Revision, document);
        return document;
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Warning, "Not allowed: {User} may not {What}")]
        public static partial void Refused(ILogger log, string user, string what);
    }
}
