using System.Text.Json.Nodes;

namespace AiModels.Controllers.Delivery.SharedPvc;

/// <summary>Which StorageClass a shared claim uses (requirement D4): the first that is configured, else the cluster's only default. Pure.</summary>
internal sealed record StorageClassChoice(string? Name, string? Problem)
{
    private const string DefaultAnnotation = "storageclass.kubernetes.io/is-default-class";

    /// <param name="configured">Names in order of preference; empty ones are passed over.</param>
    /// <param name="classes">All StorageClasses of the cluster.</param>
    public static StorageClassChoice Choose(IEnumerable<string?> configured, IReadOnlyList<JsonObject> classes)
    {
        string[] names = [.. classes.Select(NameOf)];
        if (configured.FirstOrDefault(name => !string.IsNullOrEmpty(name)) is { } wanted)
        {
            return names.Contains(wanted)
                ? new(wanted, null)
                : new(null, $"the configured StorageClass '{wanted}' does not exist; there are: {List(names)}");
        }

        string[] defaults = [.. classes.Where(IsDefault).Select(NameOf).Order(StringComparer.Ordinal)];
        return defaults.Length switch
        {
            1 => new(defaults[0], null),
            0 => new(null, $"no StorageClass is the default, and none is configured: set delivery.sharedPVCStorageClassName to one that gives ReadWriteMany; there are: {List(names)}"),
            _ => new(null, $"several StorageClasses are the default ({List(defaults)}): set delivery.sharedPVCStorageClassName"),
        };
    }

    private static string NameOf(JsonObject storageClass) => (string?)storageClass["metadata"]?["name"] ?? "";

    private static bool IsDefault(JsonObject storageClass) => (string?)storageClass["metadata"]?["annotations"]?[DefaultAnnotation] == "true";

    private static string List(string[] names) => names.Length == 0 ? "none" : string.Join(", ", names.Order(StringComparer.Ordinal));
}
