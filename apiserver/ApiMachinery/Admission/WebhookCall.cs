using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Errors;
using AiModels.ApiMachinery.Resources;
using Microsoft.Extensions.Logging;

namespace AiModels.ApiMachinery.Admission;

/// <summary>One question to one webhook, with what its failurePolicy and the request's dry run make of it (contract AD4, AD5, V1).</summary>
internal sealed partial class WebhookCall(WebhookClient client, ILogger<WebhookCall> log)
{
    /// <summary>The answer of a webhook that allows; null when it failed and may be passed over.</summary>
    /// <exception cref="ApiException">It refuses, or failed and may not be passed over.</exception>
    public async Task<WebhookResponse?> AskAsync(Webhook webhook, AdmissionRequest request, bool isMutating, CancellationToken cancellationToken)
    {
        if (request.IsDryRun && !webhook.SupportsDryRun)
        {
            throw ApiError.BadRequest($"admission webhook \"{webhook.Name}\" does not support dry run");
        }

        WebhookResponse response;
        try
        {
            response = await client.AskAsync(webhook, request, isMutating, cancellationToken);
        }
        catch (WebhookFailedException failure) when (webhook.IsIgnoredOnFailure)
        {
            Log.FailedOpen(log, webhook.Name, failure.Message);
            lock (request.AuditAnnotations)
            {
                request.AuditAnnotations[$"failed-open.{(isMutating ? "mutation" : "validating")}.webhook.admission.k8s.io/{webhook.Name}"] = webhook.Name;
            }

            return null;
        }
        catch (WebhookFailedException failure)
        {
            throw ApiError.Internal($"failed calling webhook \"{webhook.Name}\": {failure.Message}");
        }

        Record(webhook, request, response);
        return response.IsAllowed ? response : throw response.Denial(webhook.Name);
    }

    // Validating webhooks are asked at the same time.
    private static void Record(Webhook webhook, AdmissionRequest request, WebhookResponse response)
    {
        lock (request.AuditAnnotations)
        {
            foreach (string warning in response.Warnings)
            {
                request.Warnings.Add(warning);
            }

            foreach ((string key, JsonNode? value) in response.AuditAnnotations ?? [])
            {
                request.AuditAnnotations[$"{webhook.Name}/{key}"] = Webhook.Text(value, "");
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Warning, "Webhook {Webhook} failed and is passed over: {Reason}")]
        public static partial void FailedOpen(ILogger log, string webhook, string reason);
    }
}
