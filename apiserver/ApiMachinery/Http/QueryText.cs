using Microsoft.AspNetCore.Http;

namespace AiModels.ApiMachinery.Http;

/// <summary>Query parameters as upstream reads them: of one that is repeated, the first counts.</summary>
internal static class QueryText
{
    /// <summary>The parameter's first value; empty when it is absent.</summary>
    public static string First(this IQueryCollection query, string name) => query.TryGetValue(name, out var values) && values.Count > 0 ? values[0] ?? "" : "";
}
