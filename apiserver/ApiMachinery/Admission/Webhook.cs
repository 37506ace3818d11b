using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Admission.Cel;
using AiModels.ApiMachinery.Selectors;

namespace AiModels.ApiMachinery.Admission;

/// <summary>
/// One webhook of a MutatingWebhookConfiguration or ValidatingWebhookConfiguration
/// (https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/). matchPolicy makes no difference here: every resource is
/// served in one version, so that nothing has an equivalent.
/// </summary>
public sealed class Webhook
{
    private Webhook()
    {
    }

    public required string Name { get; init; }

    /// <summary>Of the configuration it stands in.</summary>
    public required string Configuration { get; init; }

    /// <summary>https://…, or the address of a Service in the cluster's own DNS; null when the configuration says neither.</summary>
    internal Uri? Address { get; private init; }

    /// <summary>PEM; empty for the system's authorities.</summary>
    internal string CaBundle { get; private init; } = "";

    /// <summary>v1, or v1beta1 when the webhook speaks nothing newer.</summary>
    internal string ReviewVersion { get; private init; } = "v1";
    internal bool IsIgnoredOnFailure { get; private init; }
    internal bool IsReinvoked { get; private init; }
    internal bool SupportsDryRun { get; private init; }
    internal TimeSpan Timeout { get; private init; }
    internal IReadOnlyList<WebhookRule> Rules { get; private init; } = [];
    internal LabelSelector NamespaceSelector { get; private init; } = LabelSelector.Everything;
    internal LabelSelector ObjectSelector { get; private init; } = LabelSelector.Everything;

    /// <summary>Name and compiled expression; null where the expression does not compile, which counts as an error each time it is asked.</summary>
    internal IReadOnlyList<(string Name, CelExpression? Expression, string Problem)> MatchConditions { get; private init; } = [];

    /// <summary>The webhooks of configurations, in the order in which they are called.</summary>
    public static Webhook[] ReadAll(IEnumerable<JsonObject> configurations) =>
    [
        .. configurations.OrderBy(configuration => Text(configuration["metadata"]?["name"], ""), StringComparer.Ordinal)
            .SelectMany(configuration => (configuration["webhooks"] as JsonArray ?? []).OfType<JsonObject>()
                .Select(webhook => Read(Text(configuration["metadata"]?["name"], ""), webhook))),
    ];

    internal static string Text(JsonNode? node, string missing) => node is JsonValue value && value.TryGetValue(out string? text) ? text : missing;

    internal static IReadOnlyList<string> Texts(JsonNode? list) => [.. (list as JsonArray ?? []).Select(item => Text(item, ""))];

    private static Webhook Read(string configuration, JsonObject webhook)
    {
        int seconds = webhook["timeoutSeconds"] is JsonValue value && value.TryGetValue(out int given) && given is >= 1 and <= 30 ? given : 10;
        return new Webhook
        {
            Name = Text(webhook["name"], ""),
            Configuration = configuration,
            Address = AddressOf(webhook["clientConfig"], seconds),
            CaBundle = Text(webhook["clientConfig"]?["caBundle"], ""),
            ReviewVersion = Texts(webhook["admissionReviewVersions"]).FirstOrDefault(version => version is "v1" or "v1beta1") ?? "v1",
            IsIgnoredOnFailure = Text(webhook["failurePolicy"], "Fail") == "Ignore",
            IsReinvoked = Text(webhook["reinvocationPolicy"], "Never") == "IfNeeded",
            SupportsDryRun = Text(webhook["sideEffects"], "") is "None" or "NoneOnDryRun",
            Timeout = TimeSpan.FromSeconds(seconds),
            Rules = [.. (webhook["rules"] as JsonArray ?? []).OfType<JsonObject>().Select(WebhookRule.Read)],
            NamespaceSelector = Selector(webhook["namespaceSelector"]),
            ObjectSelector = Selector(webhook["objectSelector"]),
            MatchConditions = [.. (webhook["matchConditions"] as JsonArray ?? []).OfType<JsonObject>().Select(Condition)],
        };
    }

    // As upstream: the timeout travels in the query, so that the webhook can give up in time.
    private static Uri? AddressOf(JsonNode? client, int seconds)
    {
        string address = Text(client?["url"], "");
        if (client?["service"] is JsonObject service)
        {
            int port = service["port"] is JsonValue value && value.TryGetValue(out int given) ? given : 443;
            address = $"https://{Text(service["name"], "")}.{Text(service["namespace"], "")}.svc:{port}/{Text(service["path"], "").TrimStart('/')}";
        }

        return Uri.TryCreate(address, UriKind.Absolute, out Uri? uri)
            ? new UriBuilder(uri) { Query = (uri.Query.Length > 1 ? uri.Query[1..] + "&" : "") + $"timeout={seconds}s" }.Uri
            : null;
    }

    // A selector that cannot be read selects everything: asking once too often is the safe side.
    private static LabelSelector Selector(JsonNode? selector)
    {
        try
        {
            return selector is JsonObject document ? LabelSelector.FromDocument(document) : LabelSelector.Everything;
        }
        catch (SelectorFormatException)
        {
            return LabelSelector.Everything;
        }
    }

    private static (string Name, CelExpression? Expression, string Problem) Condition(JsonObject condition)
    {
        string name = Text(condition["name"], "");
        try
        {
            return (name, CelExpression.Parse(Text(condition["expression"], "")), "");
        }
        catch (CelException problem)
        {
            return (name, null, problem.Message);
        }
    }
}
