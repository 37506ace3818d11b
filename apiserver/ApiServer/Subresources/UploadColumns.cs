using System.Globalization;
using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Tables;
using AiModels.ApiServer.Resources;

namespace AiModels.ApiServer.Subresources;

/// <summary>What <c>kubectl get model NAME --subresource=upload</c> prints.</summary>
internal static class UploadColumns
{
    public static IReadOnlyList<TableColumn> All { get; } =
    [
        new("Name", "string", "Name of the model.", (obj, _) => obj["metadata"]?["name"]?.ToString()) { Format = "name" },
        new("State", "string", "Waiting, Receiving, Received, Completed, Expired or Aborted.", (obj, _) => obj["status"]?["state"]?.ToString()),
        new("Progress", "string", "Share of the bytes that are stored for good.", (obj, _) => HumanQuantity.Share(Number(obj, "offsetBytes"), Number(obj, "lengthBytes"))),
        new("Offset", "string", "Bytes that are stored for good.", (obj, _) => Bytes(obj, "offsetBytes")),
        new("Length", "string", "Bytes of the file, when they are known.", (obj, _) => Bytes(obj, "lengthBytes")),
        new("File", "string", "Name of the file.", (obj, _) => obj["status"]?["fileName"]?.ToString()),
        new("Expires", "string", "When the session ends if nothing arrives.", (obj, now) => Expiry(obj["status"]?["expiresAt"]?.ToString(), now)),
        new("URL", "string", "Where to send the bytes.", (obj, _) => obj["status"]?["url"]?.ToString(), Priority: 1),
        new("Received", "string", "Digest of the manifest that lists what was received.", (obj, _) => obj["status"]?["receivedDigest"]?.ToString(), Priority: 1),
    ];

    private static long? Number(JsonObject obj, string field) => (long?)obj["status"]?[field];

    private static string? Bytes(JsonObject obj, string field) => Number(obj, field) is { } count ? HumanQuantity.Bytes(count) : null;

    private static string? Expiry(string? at, DateTimeOffset now) => DateTimeOffset.TryParse(at, CultureInfo.InvariantCulture, out DateTimeOffset time)
        ? time > now ? "in " + HumanDuration.Format(time - now) : HumanDuration.Format(now - time) + " ago"
        : null;
}
