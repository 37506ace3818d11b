using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace AiModels.Controllers.Delivery.Webhook;

/// <summary>
/// POST /mutate: AdmissionReview v1 in and out
/// (https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#webhook-request-and-response). It never denies.
/// </summary>
internal static class AdmissionEndpoint
{
    public const string Path = "/mutate";

    public static async Task HandleAsync(HttpContext http, AdmissionRules rules)
    {
        JsonObject? request = await ReadAsync(http);
        if ((string?)request?["uid"] is not { } uid)
        {
            http.Response.StatusCode = StatusCodes.Status400BadRequest;
            await http.Response.WriteAsync("the body is no AdmissionReview with a request", http.RequestAborted);
            return;
        }

        AdmissionAnswer answer = rules.Answer(request!);
        var response = new JsonObject { ["uid"] = uid, ["allowed"] = true };
        if (answer.Patch.Count > 0)
        {
            response["patchType"] = "JSONPatch";
            response["patch"] = Convert.ToBase64String(Encoding.UTF8.GetBytes(answer.Patch.ToJsonString()));
        }

        if (answer.Warning is not null)
        {
            response["warnings"] = new JsonArray(answer.Warning);
        }

        http.Response.ContentType = "application/json";
        var review = new JsonObject { ["apiVersion"] = "admission.k8s.io/v1", ["kind"] = "AdmissionReview", ["response"] = response };
        await http.Response.WriteAsync(review.ToJsonString(), http.RequestAborted);
    }

    private static async Task<JsonObject?> ReadAsync(HttpContext http)
    {
        try
        {
            return (await JsonNode.ParseAsync(http.Request.Body, cancellationToken: http.RequestAborted))?["request"] as JsonObject;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return null; // the caller answers 400
        }
    }
}
