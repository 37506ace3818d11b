using System.Globalization;

namespace AiModels.ApiMachinery.Negotiation;

/// <summary>One clause of an Accept header: a media type with its parameters.</summary>
internal sealed record AcceptClause(string MediaType, IReadOnlyDictionary<string, string> Parameters, double Quality)
{
    /// <summary>All clauses, best first: by q, then as written (contract N1). None when the header is absent.</summary>
    public static IReadOnlyList<AcceptClause> Parse(string header)
    {
        List<AcceptClause> clauses = [];
        foreach (string text in header.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            string[] parts = text.Split(';', StringSplitOptions.TrimEntries);
            var parameters = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
            double quality = 1;
            foreach (string part in parts.Skip(1))
            {
                string[] pair = part.Split('=', 2, StringSplitOptions.TrimEntries);
                if (pair.Length < 2)
                {
                    continue;
                }

                if (pair[0] == "q")
                {
                    quality = double.TryParse(pair[1], NumberStyles.Float, CultureInfo.InvariantCulture, out double q) ? q : 0;
                }
                else
                {
                    parameters[pair[0]] = pair[1].Trim('"');
                }
            }

            clauses.Add(new AcceptClause(parts[0].ToLowerInvariant(), parameters, quality));
        }

        return [.. clauses.OrderByDescending(clause => clause.Quality)];
    }

    /// <summary>Whether the clause takes <paramref name="mediaType"/>.</summary>
    public bool Takes(string mediaType) => MediaType == mediaType || MediaType is "*/*" or "application/*" or "*";

    public string Parameter(string name) => Parameters.GetValueOrDefault(name, "");
}
