using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;

namespace AiModels.Registry.Api;

/// <summary>Validators of requests (RFC 9110, section 13.1.2).</summary>
internal static class EntityTags
{
    /// <summary>Whether an If-None-Match names what the client asks for: as one of a list, weakly or not, or as <c>*</c>.</summary>
    public static bool Match(StringValues header, string tag) =>
        header.Count > 0 && EntityTagHeaderValue.TryParseList(header!, out IList<EntityTagHeaderValue>? tags)
        && tags.Any(candidate => candidate.Tag == "*" || candidate.Tag == tag);
}
