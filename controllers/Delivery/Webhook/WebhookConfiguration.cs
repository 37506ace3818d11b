using System.Text;
using System.Text.Json.Nodes;
using AiModels.Contracts.WellKnown;
using AiModels.Hosting.Kubernetes;

namespace AiModels.Controllers.Delivery.Webhook;

/// <summary>The MutatingWebhookConfiguration. Pure.</summary>
internal static class WebhookConfiguration
{
    public const string Name = "ai-models-delivery";

    // CEL, evaluated in the API server: what does not match never leaves it, whatever the state of our controllers.
    private static readonly string IsAnnotated = Asks("object.metadata");

    // Kubernetes' own controllers update workloads too (a revision annotation, for instance); they must not wait for us.
    private const string IsChanged =
        $"request.operation == 'CREATE' || object.spec != oldObject.spec || !has(oldObject.metadata.annotations) || "
        + $"['{Annotations.Model}', '{Annotations.ClusterModel}'].exists(k, (k in object.metadata.annotations) != (k in oldObject.metadata.annotations) || "
        + "(k in object.metadata.annotations && object.metadata.annotations[k] != oldObject.metadata.annotations[k]))";

    // A Pod that models were delivered to, at its creation: it may have to wait for one that has gone since.
    private static readonly string IsDelivered = $"has(object.spec.volumes) && object.spec.volumes.exists(v, v.name.startsWith('{VolumeSet.NamePrefix}'))";

    // Bare Pods and Jobs, and templates of workloads that do not ask themselves.
    private static readonly string IsMisplaced =
        $"has(object.spec.template) && request.kind.kind != 'Job' ? {Asks("object.spec.template.metadata")} && !({Asks("object.metadata")}) "
        + $": {Asks("object.metadata")} && !has(object.metadata.ownerReferences)";

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
            ["webhooks"] = new JsonArray(
                Webhook("delivery", clientConfig, options.FailurePolicy, ["CREATE", "UPDATE"], WorkloadKind.All.Select(kind => kind.Type), ("asks-for-models", IsAnnotated), ("changes-something", IsChanged)),

                // Ignore: Pods must be made whatever our state is, and a model that is gone is refused at the mount as well.
                Webhook("pod-gate", clientConfig, "Ignore", ["CREATE"], [ResourceTypes.Pods], ("has-models", IsDelivered)),
                Webhook("notice", clientConfig, "Ignore", ["CREATE"], [ResourceTypes.Pods, ResourceTypes.Jobs, .. Templated], ("is-misplaced", IsMisplaced))),
        };
    }

    // A CronJob's template is deeper; it is not worth an expression of its own.
    private static IEnumerable<ResourceType> Templated => WorkloadKind.All.Where(kind => kind != WorkloadKind.CronJob).Select(kind => kind.Type);

    private static string Asks(string metadata) =>
        $"has({metadata}.annotations) && ('{Annotations.Model}' in {metadata}.annotations || '{Annotations.ClusterModel}' in {metadata}.annotations)";

    private static JsonNode Webhook(
        string name, JsonObject clientConfig, string failurePolicy, string[] operations, IEnumerable<ResourceType> types, params (string Name, string Expression)[] conditions) => new JsonObject
        {
            ["name"] = $"{name}.ai-models.deckhouse.io",
            ["admissionReviewVersions"] = new JsonArray("v1"),
            ["clientConfig"] = clientConfig.DeepClone(),
            ["failurePolicy"] = failurePolicy,
            ["reinvocationPolicy"] = "IfNeeded", // a webhook after ours may add containers
            ["sideEffects"] = "None",
            ["timeoutSeconds"] = 5,
            ["rules"] = new JsonArray([.. types.GroupBy(type => type.Group).Select(group => Rule(group, operations))]),
            ["matchConditions"] = new JsonArray([.. conditions.Select(condition => new JsonObject { ["name"] = condition.Name, ["expression"] = condition.Expression })]),
        };

    private static JsonNode Rule(IGrouping<string, ResourceType> types, string[] operations) => new JsonObject
    {
        ["apiGroups"] = new JsonArray(types.Key),
        ["apiVersions"] = new JsonArray([.. types.Select(type => type.Version).Distinct().Select(version => (JsonNode)version)]),
        ["operations"] = new JsonArray([.. operations.Select(operation => (JsonNode)operation)]),
        ["resources"] = new JsonArray([.. types.Select(type => (JsonNode)type.Plural)]),
        ["scope"] = "Namespaced",
    };
}
