using System.Text.Json.Nodes;

namespace AiModels.ApiMachinery.Errors;

/// <summary>An answer that is an error: carries the Status that the client gets. Made by <c>ApiError.X(…)</c>, written by StatusResponse only.</summary>
public sealed class ApiException(JsonObject status) : Exception((string?)status["message"] ?? "")
{
    /// <summary>metav1.Status, complete.</summary>
    public JsonObject Status { get; } = status;

    /// <summary>HTTP status code: the Status's code.</summary>
    public int Code => (int?)Status["code"] ?? 500;
}
