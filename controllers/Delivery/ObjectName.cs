using System.Diagnostics.CodeAnalysis;
using System.Text.RegularExpressions;

namespace AiModels.Controllers.Delivery;

/// <summary>Names of models and claims: DNS subdomains (https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-subdomain-names).</summary>
internal static partial class ObjectName
{
    private const int MaximumLength = 253;

    public static bool IsValid([NotNullWhen(true)] string? name) => name?.Length is > 0 and <= MaximumLength && DnsName().IsMatch(name);

    [GeneratedRegex(@"\A[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\z")]
    private static partial Regex DnsName();
}
