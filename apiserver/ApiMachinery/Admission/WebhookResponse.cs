using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Errors;

namespace AiModels.ApiMachinery.Admission;

/// <summary>A webhook's answer, checked (k8s.io/apiserver/pkg/admission/plugin/webhook/request/admissionreview.go).</summary>
internal sealed record WebhookResponse(bool IsAllowed, byte[] Patch, JsonObject? Status, IReadOnlyList<string> Warnings, JsonObject? AuditAnnotations)
{
    /// <exception cref="WebhookFailedException">The answer is not one to this question, with upstream's words.</exception>
    public static WebhookResponse Read(JsonObject? review, string uid, string version, bool isMutating)
    {
        string kind = Webhook.Text(review?["kind"], ""), apiVersion = Webhook.Text(review?["apiVersion"], "");
        string expected = $"{AdmissionReview.Group}/{version}";
        if (kind != "AdmissionReview" || apiVersion != expected)
        {
            throw Invalid($"expected webhook response of {expected}, Kind=AdmissionReview, got {apiVersion}, Kind={kind}");
        }

        if (review!["response"] is not JsonObject response)
        {
            throw Invalid("webhook response was absent");
        }

        string answered = Webhook.Text(response["uid"], "");
        if (answered != uid && version == "v1")
        {
            throw Invalid($"expected response.uid=\"{uid}\", got \"{answered}\"");
        }

        return new WebhookResponse(
            response["allowed"] is JsonValue allowed && allowed.TryGetValue(out bool isAllowed) && isAllowed,
            PatchOf(response, version, isMutating),
            response["status"] as JsonObject,
            Webhook.Texts(response["warnings"]),
            response["auditAnnotations"] as JsonObject);
    }

    /// <summary>The refusal that the client gets (contract AD4).</summary>
    public ApiException Denial(string webhook)
    {
        JsonObject status = Status?.DeepClone().AsObject() ?? [];
        string message = Webhook.Text(status["message"], ""), reason = Webhook.Text(status["reason"], "");
        string denied = $"admission webhook \"{webhook}\" denied the request";
        int code = status["code"] is JsonValue given && given.TryGetValue(out int number) && number is >= 400 and <= 599 ? number : 400;
        return ApiError.Make(code, reason, message.Length > 0 ? $"{denied}: {message}" : reason.Length > 0 ? $"{denied}: {reason}" : $"{denied} without explanation",
            (status["details"] as JsonObject)?.DeepClone().AsObject());
    }

    private static byte[] PatchOf(JsonObject response, string version, bool isMutating)
    {
        string text = Webhook.Text(response["patch"], "");
        bool hasType = response["patchType"] is not null;
        if (!isMutating)
        {
            return text.Length == 0 && (!hasType || version != "v1") ? [] : throw Invalid("validating webhook may not return response.patch");
        }

        if (text.Length == 0)
        {
            return hasType && version == "v1" ? throw Invalid("webhook returned response.patchType but not response.patch") : [];
        }

        if (!hasType && version == "v1")
        {
            throw Invalid("webhook returned response.patch but not response.patchType");
        }

        if (hasType && Webhook.Text(response["patchType"], "") != "JSONPatch")
        {
            throw Invalid($"webhook returned invalid response.patchType of \"{Webhook.Text(response["patchType"], "")}\"");
        }

        try
        {
            return Convert.FromBase64String(text);
        }
        catch (FormatException)
        {
            throw Invalid("response.patch is not base64");
        }
    }

    private static WebhookFailedException Invalid(string why) => new("received invalid webhook response: " + why);
}

/// <summary>A webhook could not be asked, or its answer is none. What follows is for its failurePolicy to say.</summary>
internal sealed class WebhookFailedException(string message, Exception? cause = null) : Exception(message, cause);
