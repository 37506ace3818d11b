using System.Text.Json.Serialization;
using AiModels.Contracts.V1Alpha1;
using AiModels.ModelPack.Chunking;
using AiModels.ModelPack.Oci;

namespace AiModels.ApiServer.Uploads;

/// <summary>
/// An upload session as it is stored: one document per model, replaced when a new session is opened. Together with the chunks of
/// <see cref="UploadJournal"/> it says everything that a restarted process must know.
/// </summary>
internal sealed record UploadRecord
{
    /// <summary>Random; a new session has a new one, and with it a new token.</summary>
    public required string SessionId { get; init; }

    // Whose upload it is.
    public required string Plural { get; init; }
    public required string Namespace { get; init; }
    public required string Name { get; init; }
    public required string Uid { get; init; }

    /// <summary>A value of <see cref="UploadStates"/>; expiry is told from <see cref="LastByteAt"/> before it is written down here.</summary>
    public required string State { get; init; }

    public string? FileName { get; init; }
    public long? LengthBytes { get; init; }

    /// <summary>Raised when the file is sent anew from its beginning: chunks of earlier attempts do not count.</summary>
    public int Attempt { get; init; }

    /// <summary>
    /// Chunks of earlier attempts that count nevertheless, in order: the first so many of each. A replica that takes an upload over from another goes on
    /// under a new attempt.
    /// </summary>
    public IReadOnlyList<CarriedChunks> Carried { get; init; } = [];

    /// <summary>The process that writes the upload, or did so last (<see cref="UploadClaims"/>); null where the store belongs to one process.</summary>
    public string? Holder { get; init; }

    /// <summary>Until when nobody else may write; the default value when the holder has let go.</summary>
    public DateTimeOffset HeldUntil { get; init; }

    /// <summary>Bytes per chunk of this attempt: the cut must not change under way.</summary>
    public int ChunkSize { get; init; } = AiModels.ModelPack.Chunking.ChunkSize.Smallest;

    /// <summary>Where <see cref="Tail"/> begins: good only while the committed chunks end exactly there.</summary>
    public long TailOffset { get; init; }

    /// <summary>The raw bytes after the last committed chunk, as blobs in the model's repository.</summary>
    public IReadOnlyList<SpilledPiece> Tail { get; init; } = [];

    /// <summary>When bytes last became durable (chunks say it too), or when the session was opened.</summary>
    public required DateTimeOffset LastByteAt { get; init; }

    /// <summary>Digest of the manifest that lists the chunks, once all bytes are there.</summary>
    public string? ReceivedDigest { get; init; }

    /// <summary>The state that the model was last told of by annotation.</summary>
    public string? AnnouncedState { get; init; }

    /// <summary>Whether bytes may still come.</summary>
    [JsonIgnore]
    public bool IsOpen => State is UploadStates.Waiting or UploadStates.Receiving;

    /// <summary>Whether every byte has come.</summary>
    [JsonIgnore]
    public bool IsReceived => State is UploadStates.Received or UploadStates.Completed;

    /// <summary>Repository of the model in the registry: by UID, so that a model of the same name never meets old bytes.</summary>
    [JsonIgnore]
    public string Repository => $"{Plural}/{Uid}";
}

/// <summary>Bytes of an unfinished chunk, kept so that the acknowledged offset is true.</summary>
internal sealed record SpilledPiece(string Digest, long Length);

/// <summary>The first <paramref name="Count"/> chunks of an attempt.</summary>
internal sealed record CarriedChunks(int Attempt, int Count);

/// <summary>A committed chunk as it is stored.</summary>
internal sealed record UploadChunk
{
    public required int Index { get; init; }
    public required long Offset { get; init; }
    public required long Length { get; init; }
    public required string LogicalDigest { get; init; }
    public required string StoredDigest { get; init; }
    public required long StoredLength { get; init; }
    public required ChunkEncoding Encoding { get; init; }
    public required DateTimeOffset CommittedAt { get; init; }

    public static UploadChunk Of(ChunkEntry entry, DateTimeOffset now) => new()
    {
        Index = entry.Index,
        Offset = entry.Offset,
        Length = entry.Length,
        LogicalDigest = entry.LogicalDigest.ToString(),
        StoredDigest = entry.StoredDigest.ToString(),
        StoredLength = entry.StoredLength,
        Encoding = entry.Encoding,
        CommittedAt = now,
    };

    public ChunkEntry ToEntry() => new()
    {
        Index = Index,
        Offset = Offset,
        Length = Length,
        LogicalDigest = Digest.Parse(LogicalDigest),
        StoredDigest = Digest.Parse(StoredDigest),
        StoredLength = StoredLength,
        Encoding = Encoding,
    };
}

/// <summary>Serializers of what the journal stores.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UseStringEnumConverter = true)]
[JsonSerializable(typeof(UploadRecord))]
[JsonSerializable(typeof(UploadChunk))]
internal sealed partial class UploadJson : JsonSerializerContext;
