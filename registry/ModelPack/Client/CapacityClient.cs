using System.Buffers;
using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace AiModels.ModelPack.Client;

/// <summary>
/// Room in our registry: what is kept for a repository before its bytes move. Registries of others have no such thing and answer 404, which counts as
/// having no limit.
/// </summary>
public sealed class CapacityClient
{
    private static readonly string[] Pull = ["pull"];
    private static readonly string[] PullAndPush = ["pull", "push"];

    // A statement is some hundred bytes, and a line per namespace with a quota.
    private const int MaxAnswer = 1024 * 1024;

    private readonly RegistryTransport _transport;

    internal CapacityClient(RegistryTransport transport) => _transport = transport;

    /// <summary>Keeps room for what the repository will still need, or renews that. Throws <see cref="RegistryException"/> with IsInsufficientStorage and the bytes when there is none.</summary>
    public async Task ReserveAsync(string repository, CapacityRequest request, CancellationToken cancellationToken)
    {
        byte[] body = JsonSerializer.SerializeToUtf8Bytes(request, CapacityJson.Default.CapacityRequest);
        using HttpResponseMessage response = await _transport.SendAsync(repository, PullAndPush, () => Request(HttpMethod.Put, repository, "", body), cancellationToken);
        if (response.StatusCode != HttpStatusCode.NotFound)
        {
            await ExpectAsync(response, cancellationToken);
        }
    }

    /// <summary>Gives back what is left of the room that this holder has for the repository.</summary>
    public async Task ReleaseAsync(string repository, string holder, CancellationToken cancellationToken)
    {
        using HttpResponseMessage response = await _transport.SendAsync(repository, PullAndPush, () => Request(HttpMethod.Delete, repository, "?holder=" + Uri.EscapeDataString(holder), null), cancellationToken);
        if (response.StatusCode != HttpStatusCode.NotFound)
        {
            await ExpectAsync(response, cancellationToken);
        }
    }

    /// <summary>The registry's limit in bytes, or null when it has none.</summary>
    /// <param name="repository">One that the caller may read: what its grant is for.</param>
    public async Task<long?> LimitAsync(string repository, CancellationToken cancellationToken)
    {
        using HttpResponseMessage response = await _transport.SendAsync(repository, Pull, () => new HttpRequestMessage(HttpMethod.Get, "/capacity"), cancellationToken);
        if (response.StatusCode == HttpStatusCode.NotFound)
        {
            return null;
        }

        await ExpectAsync(response, cancellationToken);
        await using Stream content = await response.Content.ReadAsStreamAsync(cancellationToken);
        byte[] document = new byte[MaxAnswer];
        int length = await content.ReadAtLeastAsync(document, document.Length, throwOnEndOfStream: false, cancellationToken);
        CapacityAnswer? answer = JsonSerializer.Deserialize(document.AsSpan(0, length), CapacityJson.Default.CapacityAnswer);
        return answer?.LimitBytes ?? (answer?.IsLimited == true ? long.MaxValue : null);
    }

    private static HttpRequestMessage Request(HttpMethod method, string repository, string query, byte[]? body) => new(method, $"/capacity/reservations/{repository}{query}")
    {
        Content = body is null ? null : new ReadOnlySequenceContent(new ReadOnlySequence<byte>(body), "application/json"),
    };

    private static async Task ExpectAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        if (!response.IsSuccessStatusCode)
        {
            throw await RegistryErrors.ReadAsync(response, cancellationToken);
        }
    }
}

/// <summary>Room that is asked for.</summary>
public sealed record CapacityRequest
{
    /// <summary>Who asks, and for which attempt: the same holder asking for the same bytes again renews, anything else replaces.</summary>
    public required string Holder { get; init; }

    public required long Bytes { get; init; }

    /// <summary>The bytes are the whole of what the repository will hold; what it holds already needs no room any more.</summary>
    public bool IncludesStored { get; init; }

    /// <summary>How long the room is kept after the last byte or renewal. An hour: a source that is silent for longer is asked anew.</summary>
    public long LifetimeSeconds { get; init; } = 3600;

    /// <summary>The model whose bytes these are: quotas and explanations go by it.</summary>
    public CapacityOwner? Owner { get; init; }
}

/// <summary>A model, as the registry names it to people.</summary>
/// <param name="Kind">Model or ClusterModel.</param>
/// <param name="Namespace">Empty for a ClusterModel.</param>
public sealed record CapacityOwner(string Kind, string Namespace, string Name);

/// <summary>What is read of the registry's statement.</summary>
internal sealed record CapacityAnswer(long? LimitBytes, bool? IsLimited);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(CapacityRequest))]
[JsonSerializable(typeof(CapacityAnswer))]
internal sealed partial class CapacityJson : JsonSerializerContext;
