using System.Text.Json;
using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Errors;
using AiModels.ApiMachinery.Patching;
using AiModels.ApiMachinery.Resources;

namespace AiModels.ApiMachinery.Admission;

/// <summary>
/// Calls mutating webhooks one after another, each seeing what the ones before made of the object; those that asked for it are called once more when a
/// later one changed something (reinvocationPolicy).
/// </summary>
internal sealed class MutatingWebhooks(IWebhookSource source, WebhookCall call, TimeProvider time) : IAdmission
{
    public async ValueTask MutateAsync(AdmissionRequest request, CancellationToken cancellationToken)
    {
        await AdmissionReadiness.RequireAsync(source.Synced, request, time, cancellationToken);
        IReadOnlyList<Webhook> webhooks = await source.GetAsync(isMutating: true, cancellationToken);
        if (webhooks.Count == 0)
        {
            return;
        }

        // Step 1: all of them.
        List<Webhook> reinvocable = [];
        HashSet<Webhook> again = [];
        foreach (Webhook webhook in webhooks)
        {
            if (!await WebhookMatcher.MatchesAsync(webhook, request, source, cancellationToken))
            {
                continue;
            }

            if (await CallAsync(webhook, request, cancellationToken))
            {
                again.UnionWith(reinvocable);
            }

            if (webhook.IsReinvoked)
            {
                reinvocable.Add(webhook);
            }
        }

        // Step 2: those that a later change concerns, once.
        foreach (Webhook webhook in webhooks.Where(again.Contains))
        {
            if (await WebhookMatcher.MatchesAsync(webhook, request, source, cancellationToken))
            {
                await CallAsync(webhook, request, cancellationToken);
            }
        }
    }

    /// <summary>Whether the webhook changed the object.</summary>
    private async Task<bool> CallAsync(Webhook webhook, AdmissionRequest request, CancellationToken cancellationToken)
    {
        if (await call.AskAsync(webhook, request, isMutating: true, cancellationToken) is not { Patch.Length: > 0 } response)
        {
            return false;
        }

        JsonNode? patch = Parse(response.Patch);
        if (patch is JsonArray { Count: 0 })
        {
            return false;
        }

        if (request.Object is not { } before)
        {
            throw ApiError.Internal($"admission webhook \"{webhook.Name}\" attempted to modify the object, which is not supported for this operation");
        }

        try
        {
            request.Object = JsonPatch.Apply(before, patch);
        }
        catch (PatchException problem)
        {
            throw ApiError.Internal($"admission webhook \"{webhook.Name}\": {problem.Message}");
        }

        return !JsonNode.DeepEquals(before, request.Object);
    }

    private static JsonNode? Parse(byte[] patch)
    {
        try
        {
            return JsonNode.Parse(patch);
        }
        catch (JsonException problem)
        {
            throw ApiError.Internal(problem.Message);
        }
    }
}
