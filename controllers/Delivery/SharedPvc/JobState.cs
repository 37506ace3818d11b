using System.Text.Json.Nodes;

namespace AiModels.Controllers.Delivery.SharedPvc;

/// <summary>What a Job's status says.</summary>
internal sealed record JobState(bool IsComplete, bool IsFailed, string Message, DateTimeOffset? FailedAt)
{
    public static JobState Of(JsonObject job)
    {
        JsonObject? complete = Condition(job, "Complete");
        JsonObject? failed = Condition(job, "Failed");
        string message = (string?)failed?["message"] ?? (string?)failed?["reason"] ?? "";
        return new JobState(
            complete is not null,
            failed is not null,
            message,
            DateTimeOffset.TryParse((string?)failed?["lastTransitionTime"], out DateTimeOffset at) ? at : null);
    }

    private static JsonObject? Condition(JsonObject job, string type) => (job["status"]?["conditions"] as JsonArray)?
        .OfType<JsonObject>().FirstOrDefault(condition => (string?)condition["type"] == type && (string?)condition["status"] == "True");
}
