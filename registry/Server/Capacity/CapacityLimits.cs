using System.Diagnostics.CodeAnalysis;
using AiModels.Hosting.CommandLine;

namespace AiModels.Registry.Capacity;

/// <summary>How much may be stored: altogether, and for the models of each namespace. Null: as much as the medium takes.</summary>
/// <param name="Total">Stored bytes, equal content once.</param>
/// <param name="DefaultQuota">Bytes for a namespace that has no quota of its own.</param>
/// <param name="Quotas">Bytes for namespaces by name.</param>
internal sealed record CapacityLimits(long? Total, long? DefaultQuota, IReadOnlyDictionary<string, long> Quotas)
{
    /// <summary>Whether content must be counted per namespace.</summary>
    public bool HasQuotas => DefaultQuota is not null || Quotas.Count > 0;

    /// <summary>Whether anything is limited.</summary>
    public bool IsLimited => Total is not null || HasQuotas;

    public static CapacityLimits Of(RegistryOptions options)
    {
        var quotas = new Dictionary<string, long>(StringComparer.Ordinal);
        foreach (string text in options.NamespaceQuota)
        {
            if (!TryParse(text, out string? name, out long bytes))
            {
                throw new ArgumentException($"'{text}' is not NAMESPACE=SIZE", nameof(options));
            }

            quotas[name] = bytes;
        }

        return new CapacityLimits(options.CapacityLimit, options.DefaultNamespaceQuota, quotas);
    }

    /// <summary>The quota of a namespace, or null.</summary>
    public long? QuotaOf(string? name) => name is null ? null : Quotas.TryGetValue(name, out long own) ? own : DefaultQuota;

    /// <summary>Reads <c>NAMESPACE=SIZE</c>.</summary>
    public static bool TryParse(string text, [NotNullWhen(true)] out string? name, out long bytes)
    {
        bytes = 0;
        int sign = text.IndexOf('=', StringComparison.Ordinal);
        name = sign > 0 ? text[..sign] : null;
        return name is not null && ByteSize.TryParse(text[(sign + 1)..], out bytes) && bytes > 0;
    }
}
