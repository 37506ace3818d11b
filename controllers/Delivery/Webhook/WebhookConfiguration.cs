using System.Text;
using System.Text.Json.Nodes;
using AiModels.Contracts.WellKnown;

namespace AiModels.Controllers.Delivery.Webhook;

/// <summary>The MutatingWebhookConfiguration. Pure.</summary>
internal static class WebhookConfiguration
{
    public const string Name = "ai-models-delivery";

    // CEL, evaluated in the API server: what does not match never leaves it, whatever the state of our controllers.
    private const string IsAnnotated =
        $"has(object.metadata.annotations) && ('{Annotations.Model}' in object.metadata.annotations || '{Annotations.ClusterModel}' in object.metadata.annotations)";

    // Kubernetes' own controllers update workloads too (a revision annotation, for instance); they must not wait for us.
    private const string IsChanged =
        $"request.operation == 'CREATE' || object.spec != oldObject.spec || !has(oldObject.metadata.annotations) || "
        + $"['{Annotations.Model}', '{Annotations.ClusterModel}'].exists(k, (k in object.metadata.annotations) != (k in oldObject.metadata.annotations) || "
        + "(k in object.metadata.annotations && object.metadata.annotations[k] != oldObject.metadata.annotations[k]))";

    public static JsonObject Document(WebhookOptions options, string caBundle)
    {
        JsonObject clientConfig = options.Url is { } url
            ? new JsonObject { ["url"] = new Uri(url, AdmissionEndpoint.Path).AbsoluteUri }
            : new JsonObject
            {
                ["service"] = new JsonObject { ["name"] = WebhookCertificate.ServiceName, ["namespace"] = options.Namespace, ["path"] = AdmissionEndpoint.Path, ["port"] = 443 },
            };
        clientConfig["caBundle"] = Convert.ToBase64String(Encoding.UTF8.GetBytes(caBundle));
        return new JsonObject
        {
            ["apiVersion"] = "admissionregistration.k8s.io/v1",
            ["kind"] = "MutatingWebhookConfiguration",
            ["metadata"] = new JsonObject { ["name"] = Name },
            ["webhooks"] = new JsonArray(new JsonObject
            {
                ["name"] = "delivery.ai-models.deckhouse.io",
                ["admissionReviewVersions"] = new JsonArray("v1"),
                ["clientConfig"] = clientConfig,
                ["failurePolicy"] = options.FailurePolicy,
                ["reinvocationPolicy"] = "IfNeeded", // a webhook after ours may add containers
                ["sideEffects"] = "None",
                ["timeoutSeconds"] = 5,
                ["rules"] = new JsonArray([.. WorkloadKind.All.GroupBy(kind => kind.Type.Group).Select(Rule)]),
                ["matchConditions"] = new JsonArray(
                    new JsonObject { ["name"] = "asks-for-models", ["expression"] = IsAnnotated },
                    new JsonObject { ["name"] = "changes-something", ["expression"] = IsChanged }),
            }),
        };
    }

    private static JsonNode Rule(IGrouping<string, WorkloadKind> kinds) => new JsonObject
    {
        ["apiGroups"] = new JsonArray(kinds.Key),
        ["apiVersions"] = new JsonArray([.. kinds.Select(kind => kind.Type.Version).Distinct().Select(version => (JsonNode)version)]),
        ["operations"] = new JsonArray("CREATE", "UPDATE"),
        ["resources"] = new JsonArray([.. kinds.Select(kind => (JsonNode)kind.Type.Plural)]),
        ["scope"] = "Namespaced",
    };
}
