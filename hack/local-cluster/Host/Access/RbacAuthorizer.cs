using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Http;
using AiModels.ApiMachinery.Storage;

namespace AiModels.LocalCluster.Host.Access;

/// <summary>Role-based access control over the host's own Roles and bindings (https://kubernetes.io/docs/reference/access-authn-authz/rbac/).</summary>
internal sealed class RbacAuthorizer(IObjectStore store) : IAuthorizer
{
    private const string Group = "rbac.authorization.k8s.io";
    private readonly MastersAuthorizer _basic = new();

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

        return AuthorizationDecision.Deny();
    }

    private async Task<bool> GrantsAsync(JsonObject binding, string ns, AuthorizationAttributes attributes, CancellationToken cancellationToken)
    {
        if (!binding.Items("subjects").Any(s => Is(s, ns, attributes.User))) return false;
        bool cluster = (string?)binding.At("roleRef.kind") == "ClusterRole";
        var key = new ObjectKey(Group, cluster ? "clusterroles" : "roles", cluster ? "" : ns, (string?)binding.At("roleRef.name") ?? "");
        StoredObject? role = await store.GetAsync(key, cancellationToken);
        return role != null && JsonNode.Parse(role.Value.Span).Items("rules").Any(r => Allows(r, attributes));
    }

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
        return list.Objects.Select(o => JsonNode.Parse(o.Value.Span)!.AsObject());
    }
}
