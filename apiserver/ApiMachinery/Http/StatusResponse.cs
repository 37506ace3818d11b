using AiModels.ApiMachinery.Errors;
using AiModels.ApiMachinery.Negotiation;
using AiModels.ApiMachinery.Storage;
using Microsoft.AspNetCore.Http;

namespace AiModels.ApiMachinery.Http;

/// <summary>The only place that turns an error into an answer (contract E1, E2).</summary>
public static class StatusResponse
{
    /// <summary>Writes the Status in the form the client takes. Must be called before the answer has started.</summary>
    public static async Task WriteAsync(HttpContext context, ApiException error)
    {
        if ((int?)error.Status["details"]?["retryAfterSeconds"] is > 0 and int seconds)
        {
            context.Response.Headers.RetryAfter = seconds.ToString();
        }

        if (error.Code == 403)
        {
            context.Response.Headers.XContentTypeOptions = "nosniff";
        }

        await ObjectWriter.WriteAsync(context, Negotiated.ForError(context), error.Code, error.Status);
    }

    /// <summary>The Status of an exception that handlers let through, or null for one that is a defect.</summary>
    internal static ApiException? Of(Exception error) => error switch
    {
        ApiException api => api,
        OutcomeUnknownException unknown => ApiError.Make(504, "Timeout", unknown.Message),
        StoreUnavailableException unavailable => ApiError.ServiceUnavailable(unavailable.Message, retryAfterSeconds: 1),
        ValueTooLargeException large => ApiError.RequestEntityTooLarge(large.Message),
        RevisionCompactedException => ApiError.Expired("The resourceVersion for the provided watch is too old."),
        RevisionInFutureException future => ApiError.ResourceVersionTooLarge(future.Requested, future.Current),
        BadHttpRequestException bad => ApiError.Make(bad.StatusCode, bad.StatusCode == 413 ? "RequestEntityTooLarge" : "BadRequest", bad.Message),
        _ => null,
    };
}
