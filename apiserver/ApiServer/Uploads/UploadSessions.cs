using System.Security.Cryptography;
using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Http;
using AiModels.ApiMachinery.Resources;
using AiModels.Contracts.V1Alpha1;

namespace AiModels.ApiServer.Uploads;

/// <summary>
/// The life of upload sessions: opened by create, kept alive by bytes, over when all have come, when time runs out or when somebody aborts.
/// After expiry or abort the next create opens a new one; what has been received stays received.
/// </summary>
internal sealed class UploadSessions(UploadJournal journal, UploadTokens tokens, ActiveUploads active, UploadAnnouncer announcer, UploadClaims claims, UploadRoom room, UploadOptions options,
    TimeProvider time)
{
    /// <summary>The model's session, its expiry taken into account; null when none was ever opened.</summary>
    /// <param name="ownsTransfer">The caller has the upload to itself. Otherwise bytes that are on their way keep the session alive.</param>
    public async ValueTask<StoredUpload?> FindAsync(string uid, CancellationToken cancellationToken, bool ownsTransfer = false)
    {
        StoredUpload? found = await journal.FindAsync(uid, cancellationToken);
        return found is null || (!ownsTransfer && (active.IsActive(uid) || claims.IsHeldElsewhere(found.Record))) ? found : await ExpireIfDueAsync(found, cancellationToken);
    }

    /// <summary>Opens a session, or answers the one that is open or received. What the spec announces is taken over while no byte has come.</summary>
    public async ValueTask<StoredUpload> OpenAsync(SubresourceRequest model, string? fileName, long? length, CancellationToken cancellationToken)
    {
        RefuseUnlessAwaited(model.Parent);
        RefuseTooLong(length);
        UploadContent.CheckName(fileName);
        string uid = UidOf(model.Parent);
        StoredUpload? existing = await FindAsync(uid, cancellationToken);
        if (existing is { Record.IsReceived: true })
        {
            return existing;
        }

        if (existing is { Record.IsOpen: true })
        {
            return await AnnouncedAsync(existing, fileName, length, cancellationToken);
        }

        var record = new UploadRecord
        {
            SessionId = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16)),
            Plural = model.Resource.Plural,
            Namespace = model.Namespace,
            Name = model.Name,
            Uid = uid,
            State = UploadStates.Waiting,
            FileName = fileName,
            LengthBytes = length,
            ChunkSize = ModelPack.Chunking.ChunkSize.For(length),
            LastByteAt = time.GetUtcNow(),
        };
        StoredUpload opened = await journal.OpenAsync(record, existing, cancellationToken);
        if (opened.Record.SessionId != record.SessionId)
        {
            // Somebody else, most likely the controllers, opened it at the same moment: theirs stands, and learns what this caller knows.
            opened = await AnnouncedAsync(opened, fileName, length, cancellationToken);
        }

        return await announcer.AnnounceAsync(opened, cancellationToken);
    }

    /// <summary>The session as the API shows it.</summary>
    /// <param name="withToken">Only the answer to create holds the token, and only while it is good for something.</param>
    public async ValueTask<UploadSession> DescribeAsync(StoredUpload upload, SubresourceRequest model, bool withToken, CancellationToken cancellationToken)
    {
        UploadRecord record = upload.Record;
        (long offset, DateTimeOffset lastByteAt) = await ProgressOfAsync(record, cancellationToken);
        bool isReady = (string?)model.Parent["status"]?["phase"] == Phases.Ready;
        return new UploadSession
        {
            Metadata = new ObjectMeta { Name = model.Name, Namespace = model.Namespace.Length > 0 ? model.Namespace : null },
            Status = new UploadSessionStatus
            {
                State = record.IsReceived && isReady ? UploadStates.Completed : record.State,
                Url = UrlOf(model),
                Token = withToken && record.IsOpen ? await tokens.OfAsync(record, cancellationToken) : null,
                ExpiresAt = record.IsOpen ? lastByteAt + options.Lifetime : null,
                OffsetBytes = offset,
                LengthBytes = record.LengthBytes,
                FileName = record.FileName,
                ReceivedDigest = record.ReceivedDigest,
            },
        };
    }

    /// <summary>How many bytes are durable, and when the last of them became so.</summary>
    public async ValueTask<(long Offset, DateTimeOffset LastByteAt)> ProgressOfAsync(UploadRecord record, CancellationToken cancellationToken)
    {
        if (record.IsReceived)
        {
            return (record.LengthBytes ?? 0, record.LastByteAt);
        }

        IReadOnlyList<UploadChunk> chunks = await journal.ChunksAsync(record, cancellationToken);
        DateTimeOffset last = chunks.Count > 0 && chunks[^1].CommittedAt > record.LastByteAt ? chunks[^1].CommittedAt : record.LastByteAt;
        return (UploadTransfer.DurableOffset(record, chunks), last);
    }

    /// <summary>Whether the bearer token is that of the model's current session, over or not: what it may do is decided by the state.</summary>
    public async ValueTask<bool> IsTokenOfAsync(JsonObject model, string token, CancellationToken cancellationToken) =>
        await journal.FindAsync(UidOf(model), cancellationToken) is { Record: var record }
        && await tokens.SessionOfAsync(token, record.Plural, record.Namespace, record.Name, cancellationToken) == record.SessionId;

    /// <summary>The session that a bearer token was made for, whatever became of it; null when it is no token of ours for this path.</summary>
    public ValueTask<string?> FindSessionOfAsync(string token, RequestInfo info, CancellationToken cancellationToken) =>
        tokens.SessionOfAsync(token, info.Resource, info.Namespace, info.Name, cancellationToken);

    /// <summary>Whether the session is the newest of this model.</summary>
    public async ValueTask<bool> IsCurrentAsync(string uid, string sessionId, CancellationToken cancellationToken) =>
        (await journal.FindAsync(uid, cancellationToken))?.Record.SessionId == sessionId;

    /// <summary>tus "creation-defer-length": the length may come with any PATCH, once.</summary>
    public async ValueTask<StoredUpload> AnnounceLengthAsync(StoredUpload upload, long? length, CancellationToken cancellationToken)
    {
        if (length is null || length == upload.Record.LengthBytes)
        {
            return upload;
        }

        if (upload.Record.LengthBytes is { } known)
        {
            throw UploadErrors.Bad($"the length is given as {length}, but {known} was announced before");
        }

        RefuseTooLong(length);

        if (length <= 0)
        {
            throw UploadErrors.WrongContent("the file is empty");
        }

        (long offset, _) = await ProgressOfAsync(upload.Record, cancellationToken);
        if (length < offset)
        {
            throw UploadErrors.Bad($"the announced length is {length}, but {offset} bytes have come already");
        }

        // Chunks that were cut already stay as they are; before the first byte the cut may still follow the length.
        int chunkSize = ModelPack.Chunking.ChunkSize.For(length);
        if (offset > 0 && chunkSize != upload.Record.ChunkSize)
        {
            throw UploadErrors.TooLong($"the length of files this large ({length} bytes) must be announced before the first byte: create a new session with it");
        }

        return await journal.UpdateAsync(upload, record => record with { LengthBytes = length, ChunkSize = chunkSize }, cancellationToken) ?? throw UploadErrors.Gone("was replaced or deleted");
    }

    /// <summary>Ends an open session by hand. A received one is left alone: its bytes belong to preparation.</summary>
    public async ValueTask AbortAsync(StoredUpload upload, CancellationToken cancellationToken)
    {
        if (upload.Record.IsReceived)
        {
            throw UploadErrors.AlreadyReceived();
        }

        await EndAsync(upload, UploadStates.Aborted, cancellationToken);
    }

    /// <summary>410 unless bytes may still come.</summary>
    public static void RefuseUnlessOpen(UploadRecord record)
    {
        if (!record.IsOpen)
        {
            throw UploadErrors.Gone(record.State == UploadStates.Expired ? "has expired" : "was aborted");
        }
    }

    /// <summary>413 when a file is longer than uploads may be.</summary>
    public void RefuseTooLong(long? length)
    {
        if (length > options.MaximumLength)
        {
            throw UploadErrors.AboveMaximum(length.Value, options.MaximumLength);
        }
    }

    /// <summary>409 unless the model is one whose file is uploaded; 410 when it goes away.</summary>
    public static void RefuseUnlessAwaited(JsonObject model)
    {
        if (model["spec"]?["source"]?["upload"] is null)
        {
            throw UploadErrors.NotForUpload("spec.source.upload is not set: this model comes from elsewhere and takes no upload");
        }

        if (model["metadata"]?["deletionTimestamp"] is not null)
        {
            throw UploadErrors.ModelGone((string?)model["metadata"]!["name"] ?? "");
        }
    }

    public static string UidOf(JsonObject model) => (string)model["metadata"]!["uid"]!;

    private string UrlOf(SubresourceRequest model)
    {
        string scope = model.Namespace.Length > 0 ? $"namespaces/{model.Namespace}/" : "";
        return $"{options.ExternalUrl}/apis/{GroupVersion.ApiVersion}/{scope}{model.Resource.Plural}/{model.Name}/upload";
    }

    private async ValueTask<StoredUpload> AnnouncedAsync(StoredUpload open, string? fileName, long? length, CancellationToken cancellationToken)
    {
        bool isNews = open.Record.State == UploadStates.Waiting && (fileName is not null || length is not null);
        return isNews
            ? await journal.UpdateAsync(
                open,
                record => record with
                {
                    FileName = fileName ?? record.FileName,
                    LengthBytes = length ?? record.LengthBytes,
                    ChunkSize = ModelPack.Chunking.ChunkSize.For(length ?? record.LengthBytes),
                },
                cancellationToken) ?? open
            : open;
    }

    private async ValueTask<StoredUpload> ExpireIfDueAsync(StoredUpload upload, CancellationToken cancellationToken)
    {
        if (!upload.Record.IsOpen)
        {
            return upload;
        }

        (long offset, DateTimeOffset lastByteAt) = await ProgressOfAsync(upload.Record, cancellationToken);

        // All bytes are there: only the last step is missing, which is not the uploader's to take.
        bool isComplete = offset > 0 && offset == upload.Record.LengthBytes;
        return isComplete || lastByteAt + options.Lifetime > time.GetUtcNow()
            ? upload
            : await EndAsync(upload, UploadStates.Expired, cancellationToken);
    }

    private async ValueTask<StoredUpload> EndAsync(StoredUpload upload, string state, CancellationToken cancellationToken)
    {
        StoredUpload ended = await journal.UpdateAsync(
            upload,
            record => UploadClaims.Released(record) with { State = state, Carried = [], Tail = [], TailOffset = 0, FileName = null, LengthBytes = null },
            cancellationToken) ?? upload;
        await journal.ForgetChunksAsync(upload.Record, cancellationToken);
        await room.ReleaseAsync(upload.Record, cancellationToken);
        return await announcer.AnnounceAsync(ended, cancellationToken);
    }
}
