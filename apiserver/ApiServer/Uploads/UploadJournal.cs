using System.Text.Json;
using AiModels.ApiMachinery.Storage;
using AiModels.ModelPack.Chunking;

namespace AiModels.ApiServer.Uploads;

/// <summary>
/// Sessions and committed chunks in the object store, beside the objects of the API and not served by it:
/// <code>
/// /internal.ai.deckhouse.io/uploads/UID                                  the model's session
/// /internal.ai.deckhouse.io/uploadchunks/SESSION-ATTEMPT/00000007        one committed chunk
/// </code>
/// A chunk is written after the registry has it, so what the journal names exists.
/// </summary>
internal sealed class UploadJournal(IObjectStore store, TimeProvider time)
{
    public const string Group = "internal.ai.deckhouse.io";
    private const string Sessions = "uploads";
    private const string Chunks = "uploadchunks";

    /// <summary>The session of a model, or null.</summary>
    public async ValueTask<StoredUpload?> FindAsync(string uid, CancellationToken cancellationToken) =>
        await store.GetAsync(SessionKey(uid), cancellationToken) is { } found ? Read(found) : null;

    /// <summary>All sessions.</summary>
    public async ValueTask<IReadOnlyList<StoredUpload>> ListAsync(CancellationToken cancellationToken)
    {
        StoredList list = await store.ListAsync(new ListRequest { Prefix = ObjectKey.PrefixOf(Group, Sessions) }, cancellationToken);
        return [.. list.Objects.Select(Read)];
    }

    /// <summary>
    /// Stores a new session in place of <paramref name="previous"/> (null: there was none).
    /// Answers what is stored then: another's session when somebody was faster.
    /// </summary>
    public async ValueTask<StoredUpload> OpenAsync(UploadRecord record, StoredUpload? previous, CancellationToken cancellationToken)
    {
        ObjectKey key = SessionKey(record.Uid);
        byte[] value = Encode(record);
        WriteResult result = previous is null
            ? await store.CreateAsync(key, value, cancellationToken)
            : await store.UpdateAsync(key, previous.Revision, value, cancellationToken);
        return result.Object is { } stored ? Read(stored) : await OpenAsync(record, null, cancellationToken);
    }

    /// <summary>
    /// Changes a session. The change is computed again from the newest state when somebody else was faster, and not made at all
    /// (null) when the session is gone or another one took its place.
    /// </summary>
    public async ValueTask<StoredUpload?> UpdateAsync(StoredUpload upload, Func<UploadRecord, UploadRecord> change, CancellationToken cancellationToken)
    {
        StoredUpload current = upload;
        while (current.Record.SessionId == upload.Record.SessionId)
        {
            UploadRecord next = change(current.Record);
            if (next == current.Record)
            {
                return current;
            }

            WriteResult result = await store.UpdateAsync(SessionKey(next.Uid), current.Revision, Encode(next), cancellationToken);
            if (result.Object is null)
            {
                return null;
            }

            current = Read(result.Object);
            if (result.Outcome == WriteOutcome.Committed)
            {
                return current;
            }
        }

        return null;
    }

    /// <summary>Forgets a session and its chunks.</summary>
    public async ValueTask DeleteAsync(StoredUpload upload, CancellationToken cancellationToken)
    {
        await store.DeleteAsync(SessionKey(upload.Record.Uid), upload.Revision, cancellationToken);
        await ForgetChunksAsync(upload.Record, cancellationToken);
    }

    /// <summary>Replaces a session if it is still as it was read. Answers whether it was, and what is stored now; null when it is gone.</summary>
    public async ValueTask<(bool IsReplaced, StoredUpload? Now)> TryReplaceAsync(StoredUpload upload, UploadRecord next, CancellationToken cancellationToken)
    {
        WriteResult result = await store.UpdateAsync(SessionKey(next.Uid), upload.Revision, Encode(next), cancellationToken);
        return (result.Outcome == WriteOutcome.Committed, result.Object is { } stored ? Read(stored) : null);
    }

    /// <summary>Chunks that count, in order: those carried over from earlier attempts, then the current attempt's.</summary>
    public async ValueTask<IReadOnlyList<UploadChunk>> ChunksAsync(UploadRecord record, CancellationToken cancellationToken)
    {
        var chunks = new List<UploadChunk>();
        foreach (CarriedChunks carried in record.Carried)
        {
            chunks.AddRange((await ListChunksAsync(record, carried.Attempt, carried.Count, cancellationToken)).Objects.Select(ReadChunk));
        }

        chunks.AddRange((await ListChunksAsync(record, record.Attempt, 0, cancellationToken)).Objects.Select(ReadChunk));
        return chunks;
    }

    /// <summary>How many chunks the current attempt has.</summary>
    public async ValueTask<int> CountAsync(UploadRecord record, CancellationToken cancellationToken) =>
        (await ListChunksAsync(record, record.Attempt, 0, cancellationToken)).Objects.Count;

    /// <summary>Writes down a chunk that the registry has.</summary>
    public async ValueTask AddChunkAsync(UploadRecord record, ChunkEntry entry, CancellationToken cancellationToken)
    {
        var key = new ObjectKey(Group, Chunks, ChunkNamespace(record, record.Attempt), $"{entry.Index:d8}");
        byte[] value = JsonSerializer.SerializeToUtf8Bytes(UploadChunk.Of(entry, time.GetUtcNow()), UploadJson.Default.UploadChunk);
        WriteResult result = await store.CreateAsync(key, value, cancellationToken);
        if (result.Outcome != WriteOutcome.Committed)
        {
            // One transfer at a time owns a session, so this is a mistake of ours and not a race to be won.
            throw new InvalidOperationException($"Chunk {entry.Index} of upload session {record.SessionId} was committed twice.");
        }
    }

    /// <summary>Removes the chunks of the session's attempts from the journal; the registry keeps what a manifest names.</summary>
    public async ValueTask ForgetChunksAsync(UploadRecord record, CancellationToken cancellationToken)
    {
        foreach (int attempt in record.Carried.Select(carried => carried.Attempt).Append(record.Attempt))
        {
            StoredList list = await ListChunksAsync(record, attempt, 0, cancellationToken);

            // All at once: the store commits them together.
            await Task.WhenAll(list.Objects.Select(chunk => store.DeleteAsync(chunk.Key, chunk.Revision, cancellationToken).AsTask()));
        }
    }

    private ValueTask<StoredList> ListChunksAsync(UploadRecord record, int attempt, int limit, CancellationToken cancellationToken) =>
        store.ListAsync(new ListRequest { Prefix = ObjectKey.PrefixOf(Group, Chunks, ChunkNamespace(record, attempt)), Limit = limit }, cancellationToken);

    private static UploadChunk ReadChunk(StoredObject stored) => JsonSerializer.Deserialize(stored.Value.Span, UploadJson.Default.UploadChunk)!;

    private static ObjectKey SessionKey(string uid) => new(Group, Sessions, "", uid);

    private static string ChunkNamespace(UploadRecord record, int attempt) => $"{record.SessionId}-{attempt}";

    private static byte[] Encode(UploadRecord record) => JsonSerializer.SerializeToUtf8Bytes(record, UploadJson.Default.UploadRecord);

    private static StoredUpload Read(StoredObject stored) =>
        new(JsonSerializer.Deserialize(stored.Value.Span, UploadJson.Default.UploadRecord)!, stored.Revision);
}

/// <summary>A session and the revision it was read at.</summary>
internal sealed record StoredUpload(UploadRecord Record, long Revision);
