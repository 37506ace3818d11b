using System.Text.Json.Serialization;

namespace AiModels.ApiServer.Replicas;

/// <summary>A running replica as the others find it in the store.</summary>
internal sealed record ReplicaRecord
{
    /// <summary>Random, new with every start.</summary>
    public required string Id { get; init; }

    /// <summary>https://IP:PORT, as the other replicas reach it.</summary>
    public required string Url { get; init; }

    /// <summary>SHA-256 of the certificate it shows: replicas know each other by that, whatever names the certificate has.</summary>
    public required string Certificate { get; init; }

    /// <summary>When it last said that it is there.</summary>
    public required DateTimeOffset SeenAt { get; init; }
}

/// <summary>Where the other replicas reach this one: https://IP:PORT.</summary>
internal sealed record ReplicaAddress(string Url);

/// <summary>Serializers of what replicas keep in the store.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(ReplicaRecord))]
internal sealed partial class ReplicaJson : JsonSerializerContext;
