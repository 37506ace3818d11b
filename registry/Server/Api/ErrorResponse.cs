using System.Text.Encodings.Web;
using System.Text.Json;
using AiModels.Registry.Storage;

namespace AiModels.Registry.Api;

/// <summary>The only place that turns an error into an answer (distribution specification, "Error Codes").</summary>
internal static class ErrorResponse
{
    // Readable in a terminal: nothing of it is ever put into HTML.
    private static readonly RegistryJson Readable = new(new JsonSerializerOptions(RegistryJson.Default.Options) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });

    public static async Task WriteAsync(HttpContext http, RegistryException failure)
    {
        if (http.Response.HasStarted)
        {
            // The status is out: only a broken connection can still tell the client.
            http.Abort();
            return;
        }

        http.Response.Clear();
        http.Response.StatusCode = failure.Error.Status;
        foreach ((string name, string value) in failure.Headers)
        {
            http.Response.Headers[name] = value;
        }

        if (HttpMethods.IsHead(http.Request.Method))
        {
            return;
        }

        // What exactly is wrong is the message and not the detail: skopeo and docker show nothing else.
        var answer = new ErrorsAnswer { Errors = [new ErrorItem { Code = failure.Error.Code, Message = failure.Detail ?? failure.Error.Message }] };
        byte[] content = JsonSerializer.SerializeToUtf8Bytes(answer, Readable.ErrorsAnswer);
        http.Response.ContentType = "application/json";
        http.Response.ContentLength = content.Length;
        await http.Response.Body.WriteAsync(content, http.RequestAborted);
    }
}

/// <summary>The body of an error.</summary>
internal sealed record ErrorsAnswer
{
    public required IReadOnlyList<ErrorItem> Errors { get; init; }
}

/// <summary>One error in it.</summary>
internal sealed record ErrorItem
{
    public required string Code { get; init; }

    public required string Message { get; init; }
}
