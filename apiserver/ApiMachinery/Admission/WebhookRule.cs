using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Resources;

namespace AiModels.ApiMachinery.Admission;

/// <summary>One rule of a webhook: which operations on which resources (k8s.io/apiserver/pkg/admission/plugin/webhook/predicates/rules).</summary>
internal sealed record WebhookRule
{
    private IReadOnlyList<string> Operations { get; init; } = [];
    private IReadOnlyList<string> Groups { get; init; } = [];
    private IReadOnlyList<string> Versions { get; init; } = [];
    private IReadOnlyList<string> Resources { get; init; } = [];
    private string Scope { get; init; } = "*";

    public static WebhookRule Read(JsonObject rule) => new()
    {
        Operations = Webhook.Texts(rule["operations"]),
        Groups = Webhook.Texts(rule["apiGroups"]),
        Versions = Webhook.Texts(rule["apiVersions"]),
        Resources = Webhook.Texts(rule["resources"]),
        Scope = Webhook.Text(rule["scope"], "*"),
    };

    public bool Matches(AdmissionRequest request) =>
        Has(Operations, request.Operation)
        && Has(Groups, request.Resource.Group)
        && Has(Versions, request.Resource.Version)
        && Resources.Any(pattern => IsResource(pattern, request))
        && IsInScope(request);

    // pods, pods/log, pods/*, */log, */*, and * for every resource without its subresources.
    private static bool IsResource(string pattern, AdmissionRequest request)
    {
        (string resource, string subresource) = pattern.Split('/', 2) is [var first, var second] ? (first, second) : (pattern, "");
        return (resource == "*" || resource == request.Resource.Plural) && (subresource == "*" || subresource == request.Subresource);
    }

    private bool IsInScope(AdmissionRequest request) => Scope switch
    {
        // A namespace itself is of the cluster, although its requests name one.
        "Namespaced" => request.Resource.Scope == ResourceScope.Namespaced,
        "Cluster" => request.Resource.Scope == ResourceScope.Cluster,
        _ => true,
    };

    private static bool Has(IReadOnlyList<string> list, string value) => list.Contains("*") || list.Contains(value);
}
