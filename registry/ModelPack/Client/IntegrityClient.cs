using System.Buffers;
using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization;
using AiModels.ModelPack.Oci;

namespace AiModels.ModelPack.Client;

/// <summary>What our registry has lost, because its bytes were no longer what their digests say. Registries of others cannot tell.</summary>
public sealed class IntegrityClient
{
    private static readonly string[] Pull = ["pull"];

    // 100,000 lost blobs of one model: more than any has chunks.
    private const int MaxAnswer = 16 * 1024 * 1024;

    private readonly RegistryTransport _transport;

    internal IntegrityClient(RegistryTransport transport) => _transport = transport;

    /// <summary>How many blobs are lost in the whole registry; null when it does not tell.</summary>
    /// <param name="repository">One that the caller may read: what its grant is for.</param>
    public async Task<long?> CountMissingAsync(string repository, CancellationToken cancellationToken) =>
        (await GetAsync(repository, "/integrity", IntegrityJson.Default.IntegrityAnswer, cancellationToken))?.Missing;

    /// <summary>What is lost of one repository.</summary>
    public async Task<IReadOnlyList<LostContent>> LostAsync(string repository, CancellationToken cancellationToken) =>
        (await GetAsync(repository, $"/integrity/repositories/{repository}", IntegrityJson.Default.RepositoryIntegrityAnswer, cancellationToken))?.Lost ?? [];

    /// <summary>Gives the registry a blob that a repository has lost. False when it is not lost, or not any more; then nothing was sent.</summary>
    public async Task<bool> GiveBackAsync(string repository, Digest digest, ReadOnlySequence<byte> content, CancellationToken cancellationToken)
    {
        var target = new Uri($"/integrity/repositories/{repository}?digest={Uri.EscapeDataString(digest.ToString())}", UriKind.Relative);
        using HttpResponseMessage response = await _transport.SendAsync(repository, Pull, Request, cancellationToken);
        return response.StatusCode switch
        {
            HttpStatusCode.NotFound => false,
            _ when response.IsSuccessStatusCode => true,
            _ => throw await RegistryErrors.ReadAsync(response, cancellationToken),
        };

        HttpRequestMessage Request()
        {
            var request = new HttpRequestMessage(HttpMethod.Put, target) { Content = new ReadOnlySequenceContent(content, MediaTypes.OctetStream) };
            request.Headers.ExpectContinue = true; // many nodes may have the blob, and one is enough
            return request;
        }
    }

    private async Task<T?> GetAsync<T>(string repository, string path, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type, CancellationToken cancellationToken)
        where T : class
    {
        using HttpResponseMessage response = await _transport.SendAsync(repository, Pull, () => new HttpRequestMessage(HttpMethod.Get, path), cancellationToken);
        if (response.StatusCode == HttpStatusCode.NotFound)
        {
            return null;
        }

        if (!response.IsSuccessStatusCode)
        {
            throw await RegistryErrors.ReadAsync(response, cancellationToken);
        }

        await using Stream content = await response.Content.ReadAsStreamAsync(cancellationToken);
        using var document = new MemoryStream();
        byte[] block = new byte[16 * 1024];
        for (int read; (read = await content.ReadAsync(block, cancellationToken)) > 0 && document.Length <= MaxAnswer;)
        {
            document.Write(block, 0, read);
        }

        return JsonSerializer.Deserialize(document.GetBuffer().AsSpan(0, (int)document.Length), type);
    }
}

/// <summary>A blob that is missing because its bytes have rotted.</summary>
/// <param name="Digest">Of what was stored.</param>
/// <param name="Bytes">Of what was stored.</param>
/// <param name="Since">When it was noticed.</param>
public sealed record LostContent(string Digest, long Bytes, DateTimeOffset Since);

/// <summary>What is read of the registry's statement about itself.</summary>
internal sealed record IntegrityAnswer(long? Missing);

/// <summary>What is read of its statement about a repository.</summary>
internal sealed record RepositoryIntegrityAnswer(IReadOnlyList<LostContent>? Lost);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(IntegrityAnswer))]
[JsonSerializable(typeof(RepositoryIntegrityAnswer))]
internal sealed partial class IntegrityJson : JsonSerializerContext;
