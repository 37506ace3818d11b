using System.Globalization;
using AiModels.Registry.Storage;

namespace AiModels.Registry.Api;

/// <summary>The list of a repository's tags, in pages (end-8).</summary>
internal sealed class Tags(TagStore tags, ManifestStore manifests)
{
    // Keeps an answer in memory; who wants more follows the Link.
    private const int MaxPage = 10_000;

    public async Task ListAsync(RegistryRequest request)
    {
        int limit = ReadLimit(request.Query("n"));
        var page = new List<string>();
        bool hasMore = false;
        if (limit > 0)
        {
            await foreach (string tag in tags.ListAsync(request.Repository, request.Query("last"), request.Aborted))
            {
                if (page.Count == limit)
                {
                    hasMore = true;
                    break;
                }

                page.Add(tag);
            }
        }

        if (page.Count == 0 && !await manifests.RepositoryExistsAsync(request.Repository, request.Aborted))
        {
            throw new RegistryException(RegistryError.NameUnknown, $"There is no repository {request.Repository}.");
        }

        if (hasMore)
        {
            request.Http.Response.Headers.Link = $"</v2/{request.Repository}/tags/list?n={limit}&last={Uri.EscapeDataString(page[^1])}>; rel=\"next\"";
        }

        await request.WriteJsonAsync(new TagsAnswer { Name = request.Repository, Tags = page }, RegistryJson.Default.TagsAnswer);
    }

    private static int ReadLimit(string? text)
    {
        if (text is null)
        {
            return MaxPage;
        }

        // More than any page holds is no error, however long the number.
        return UInt128.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out UInt128 limit)
            ? (int)UInt128.Min(limit, MaxPage)
            : throw new RegistryException(RegistryError.ParameterInvalid, $"n: '{text}' is no number of tags.");
    }
}

/// <summary>The answer of tags/list.</summary>
internal sealed record TagsAnswer
{
    public required string Name { get; init; }

    public required IReadOnlyList<string> Tags { get; init; }
}
