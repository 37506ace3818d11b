using System.Text.Json;

namespace AiModels.ModelPack.Client;

/// <summary>Turns an answer that says no into a <see cref="RegistryException"/>.</summary>
internal static class RegistryErrors
{
    // An error body is a sentence or two; more of it is not worth reading.
    private const int MaxBodyBytes = 16 * 1024;

    public static async Task<RegistryException> ReadAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        byte[] body = new byte[MaxBodyBytes];
        int length = 0;
        try
        {
            await using Stream stream = await response.Content.ReadAsStreamAsync(cancellationToken);
            length = await stream.ReadAtLeastAsync(body, body.Length, throwOnEndOfStream: false, cancellationToken);
        }
        catch (IOException)
        {
            // The status alone is the answer then.
        }

        (string? code, string? message, string? detail) = Parse(body.AsMemory(0, length));
        string what = $"{response.RequestMessage?.Method} {response.RequestMessage?.RequestUri?.AbsolutePath}";
        string reason = message ?? response.ReasonPhrase ?? "no reason given";
        return new RegistryException(code ?? "UNKNOWN", $"{what}: {(detail is null ? reason : $"{reason} {detail}")}", response.StatusCode) { Detail = detail ?? message };
    }

    private static (string? Code, string? Message, string? Detail) Parse(ReadOnlyMemory<byte> body)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(body);
            JsonElement error = document.RootElement.GetProperty("errors")[0];
            string? message = error.TryGetProperty("message", out JsonElement text) ? text.GetString() : null;

            // The specification leaves the detail's shape open; some registries say there what exactly is wrong, ours says it in the message.
            string? detail = error.TryGetProperty("detail", out JsonElement more) && more.ValueKind == JsonValueKind.String ? more.GetString() : null;
            return (error.GetProperty("code").GetString(), message, string.IsNullOrEmpty(detail) ? null : detail);
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or IndexOutOfRangeException)
        {
            return (null, null, null);
        }
    }
}
