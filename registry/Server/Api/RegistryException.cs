namespace AiModels.Registry.Api;

/// <summary>A request that ends with one of the catalogue's errors.</summary>
/// <param name="error">Which one.</param>
/// <param name="detail">What exactly is wrong, with the value.</param>
internal sealed class RegistryException(RegistryError error, string? detail = null, Exception? inner = null) : Exception(detail ?? error.Message, inner)
{
    public RegistryError Error { get; } = error;

    public string? Detail { get; } = detail;

    /// <summary>Headers that go with the answer, such as the offset an upload stands at.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Headers { get; init; } = [];
}
