using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Admission.Cel;
using AiModels.ApiMachinery.Errors;
using AiModels.ApiMachinery.Resources;
using AiModels.ApiMachinery.Selectors;

namespace AiModels.ApiMachinery.Admission;

/// <summary>Whether a webhook is to be asked about a write: rules, namespaceSelector, objectSelector, matchConditions, in this order.</summary>
internal static class WebhookMatcher
{
    private const string ConfigurationGroup = "admissionregistration.k8s.io";

    /// <exception cref="ApiException">403: a match condition cannot be evaluated and the webhook must not be passed over for that.</exception>
    public static async ValueTask<bool> MatchesAsync(Webhook webhook, AdmissionRequest request, IWebhookSource source, CancellationToken cancellationToken)
    {
        // As upstream: the configurations themselves are never sent to webhooks, so that a broken one can be mended.
        return request.Resource.Group != ConfigurationGroup
            && webhook.Rules.Any(rule => rule.Matches(request))
            && await IsInNamespaceAsync(webhook.NamespaceSelector, request, source, cancellationToken)
            && IsSelected(webhook.ObjectSelector, request)
            && MeetsConditions(webhook, request);
    }

    // Objects without a namespace are not selected by one, so that they always match; a namespace is judged by its own labels.
    private static async ValueTask<bool> IsInNamespaceAsync(LabelSelector selector, AdmissionRequest request, IWebhookSource source, CancellationToken cancellationToken)
    {
        if (selector.IsEverything)
        {
            return true;
        }

        if (request.Resource is { Group: "", Plural: "namespaces" })
        {
            return IsSelected(selector, request);
        }

        return request.Namespace.Length == 0
            || await source.FindNamespaceAsync(request.Namespace, cancellationToken) is not { } ns
            || selector.Matches(ns);
    }

    private static bool IsSelected(LabelSelector selector, AdmissionRequest request) =>
        selector.IsEverything
        || (request.Object is { } current && selector.Matches(current))
        || (request.OldObject is { } old && selector.Matches(old));

    // The first condition that is false decides, also when another one fails.
    private static bool MeetsConditions(Webhook webhook, AdmissionRequest request)
    {
        if (webhook.MatchConditions.Count == 0)
        {
            return true;
        }

        JsonObject described = AdmissionReview.Describe(request, "");
        described.Remove("object");
        described.Remove("oldObject");
        var variables = new Dictionary<string, JsonNode?> { ["object"] = request.Object, ["oldObject"] = request.OldObject, ["request"] = described };
        List<string> problems = [];
        foreach ((string name, CelExpression? expression, string problem) in webhook.MatchConditions)
        {
            try
            {
                if (expression is null)
                {
                    problems.Add($"matchConditions[{name}]: {problem}");
                }
                else if (!expression.EvaluateCondition(variables))
                {
                    return false;
                }
            }
            catch (CelException failure)
            {
                problems.Add($"matchConditions[{name}]: {failure.Message}");
            }
        }

        if (problems.Count == 0)
        {
            return true;
        }

        return webhook.IsIgnoredOnFailure
            ? false
            : throw ApiError.Forbidden(request.Resource, request.Name, string.Join(", ", problems));
    }
}
