using AiModels.ModelPack.Oci;
using AiModels.Registry.Storage;

namespace AiModels.Registry.Api;

/// <summary>Manifests whose subject is a digest (end-12). Always 200 with an index, which is empty when there are none.</summary>
internal sealed class Referrers(ManifestStore manifests)
{
    // The answer is an index, and those may have 4 MiB; half of it leaves room for what JSON escapes.
    private const int MaxAnswer = ManifestContent.MaxLength / 2;
    private const int DescriptorOverhead = 300;

    public async Task ListAsync(RegistryRequest request)
    {
        Digest subject = request.RequireDigestTarget();
        string? type = request.Query("artifactType");
        var page = new List<ReferrerDescriptor>();
        int size = 0;
        await foreach (ReferrerDescriptor descriptor in manifests.ListReferrersAsync(request.Repository, subject, request.Query("last"), request.Aborted))
        {
            if (!string.IsNullOrEmpty(type) && descriptor.ArtifactType != type)
            {
                continue;
            }

            size += DescriptorOverhead + (descriptor.Annotations?.Sum(pair => pair.Key.Length + pair.Value.Length + 6) ?? 0);
            if (size > MaxAnswer && page.Count > 0)
            {
                string filter = string.IsNullOrEmpty(type) ? "" : "&artifactType=" + Uri.EscapeDataString(type);
                request.Http.Response.Headers.Link = $"</v2/{request.Repository}/referrers/{subject}?last={Uri.EscapeDataString(page[^1].Digest)}{filter}>; rel=\"next\"";
                break;
            }

            page.Add(descriptor);
        }

        if (!string.IsNullOrEmpty(type))
        {
            request.Http.Response.Headers["OCI-Filters-Applied"] = "artifactType";
        }

        await request.WriteJsonAsync(new ReferrersAnswer { Manifests = page }, RegistryJson.Default.ReferrersAnswer, MediaTypes.OciIndex);
    }
}

/// <summary>An image index of referrers.</summary>
internal sealed record ReferrersAnswer
{
    public int SchemaVersion => 2;

    public string MediaType => MediaTypes.OciIndex;

    public required IReadOnlyList<ReferrerDescriptor> Manifests { get; init; }
}
