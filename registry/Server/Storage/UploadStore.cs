using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text.Json;
using AiModels.ModelPack.Oci;
using AiModels.Registry.Api;
using AiModels.Registry.Storage.Backends;

namespace AiModels.Registry.Storage;

/// <summary>
/// Uploads of blobs in several requests. What a request brought is durable when it is answered, survives a restart, and is never written twice when the upload
/// was a single part. A request that is cut keeps what arrived: the client asks for the offset and goes on from there. On a medium that several replicas share, each request
/// of an upload may come to another one (<see cref="UploadClaims"/>).
/// </summary>
internal sealed class UploadStore(IStorageBackend backend, BlobStore blobs, ContentReceiver receiver, TimeProvider clock) : IDisposable
{
    private const int MaxDocumentLength = 4096;

    // Each is a kilobyte of memory for as long as an upload may rest. Pushers have a few dozen under way.
    private const int MaxUnfinished = 1000;

    // Seconds. They end when somebody finishes one, or expire.
    private const string RetryAfter = "60";

    private readonly UploadClaims _claims = new(backend);
    private readonly ConcurrentDictionary<string, UploadSession> _sessions = new(StringComparer.Ordinal);

    /// <summary>Opens an upload.</summary>
    /// <exception cref="RegistryException">TOOMANYREQUESTS.</exception>
    public async Task<UploadSession> StartAsync(string repository, CancellationToken cancellationToken)
    {
        if (_sessions.Count >= MaxUnfinished && _sessions.Values.Count(session => session.Repository == repository) >= MaxUnfinished)
        {
            throw new RegistryException(RegistryError.TooManyUploads, $"{repository} has {MaxUnfinished} unfinished uploads; finish or cancel some.") { Headers = [new("Retry-After", RetryAfter)] };
        }

        var session = new UploadSession(Guid.NewGuid().ToString("N"), repository, clock.GetUtcNow());
        session.BeginHash();
        _sessions[session.Id] = session;
        if (backend.IsShared)
        {
            // The next request may come to a replica that knows only what is stored.
            await StoreAsync(session, cancellationToken);
        }

        return session;
    }

    /// <summary>An open upload of this repository.</summary>
    /// <exception cref="RegistryException">BLOB_UPLOAD_UNKNOWN.</exception>
    public async Task<UploadSession> GetAsync(string repository, string id, CancellationToken cancellationToken)
    {
        // The id becomes part of a path.
        bool isId = Guid.TryParseExact(id, "N", out _) && !id.AsSpan().ContainsAnyInRange('A', 'Z');
        UploadSession? session = isId ? await FindAsync(id, cancellationToken) : null;
        return session is { IsClosed: false } && session.Repository == repository ? session : throw new RegistryException(RegistryError.BlobUploadUnknown, $"{repository} has no upload {id}.");
    }

    /// <summary>As <see cref="GetAsync"/>, with all that other replicas have added by now.</summary>
    public async Task<UploadSession> GetCurrentAsync(string repository, string id, CancellationToken cancellationToken)
    {
        UploadSession session = await GetAsync(repository, id, cancellationToken);

        // While a request is at work here, what it has made durable is what there is.
        using UploadSession.Turn? turn = backend.IsShared ? await session.TryEnterAsync() : null;
        if (turn is not null)
        {
            await _claims.RefreshAsync(session, cancellationToken);
        }

        return session;
    }

    /// <summary>Appends a request's body.</summary>
    /// <param name="session">The upload.</param>
    /// <param name="chunk">What the client says of the body.</param>
    /// <exception cref="RegistryException">
    /// The 416 of <see cref="RegistryError.RangeInvalid"/> when the client is elsewhere; BLOB_UPLOAD_INVALID when the body was cut; SIZE_INVALID when it is not what was announced.
    /// </exception>
    public async Task AppendAsync(UploadSession session, Stream body, ChunkRange chunk, CancellationToken cancellationToken)
    {
        using UploadSession.Turn turn = await EnterAsync(session, cancellationToken);
        RequireOffset(session, chunk.Start);
        await AppendPartAsync(session, body, chunk, turn.Token);
    }

    /// <summary>Appends the last body, if any, checks the digest and makes the blob.</summary>
    /// <returns>Bytes that this request brought.</returns>
    public async Task<long> CompleteAsync(UploadSession session, Digest digest, Stream body, ChunkRange chunk, CancellationToken cancellationToken)
    {
        using UploadSession.Turn turn = await EnterAsync(session, cancellationToken);
        RequireOffset(session, chunk.Start);
        long received;
        if (session.Parts.Count == 0)
        {
            // The whole blob in one body: straight to its place.
            received = await blobs.PushAsync(session.Repository, digest, body, chunk.BodyLength, turn.Token);
        }
        else
        {
            long before = session.Offset;
            if (chunk.BodyLength != 0)
            {
                await AppendPartAsync(session, body, chunk, turn.Token);
            }

            received = session.Offset - before;
            Digest actual = await HashAsync(session, digest.Algorithm, turn.Token);
            if (actual != digest)
            {
                await CloseAsync(session, CancellationToken.None);
            }

            BlobStore.RequireDigest(digest, actual);
            await blobs.AssembleAsync(session.Repository, digest, session.Parts, turn.Token);
        }

        await CloseAsync(session, cancellationToken);
        return received;
    }

    /// <summary>Forgets an upload and its bytes.</summary>
    public async Task CancelAsync(UploadSession session, CancellationToken cancellationToken)
    {
        using UploadSession.Turn turn = await EnterAsync(session, cancellationToken);
        await CloseAsync(session, cancellationToken);
    }

    /// <summary>Removes uploads in which nothing happened for longer than <paramref name="age"/>. Returns how many.</summary>
    public async Task<int> ExpireAsync(TimeSpan age, CancellationToken cancellationToken)
    {
        var newest = new Dictionary<string, DateTimeOffset>(StringComparer.Ordinal);
        await foreach (StorageEntry entry in backend.ListAsync(StoragePaths.Uploads, null, cancellationToken))
        {
            string id = StoragePaths.UploadIdOf(entry.Path);
            newest[id] = newest.TryGetValue(id, out DateTimeOffset known) && known > entry.Modified ? known : entry.Modified;
        }

        foreach (UploadSession session in _sessions.Values)
        {
            if (!session.IsStored)
            {
                newest[session.Id] = session.StartedAt;
            }
            else if (!newest.ContainsKey(session.Id))
            {
                // Finished at another replica. If it was only just stored, it is read again when it is asked for.
                _sessions.TryRemove(session.Id, out _);
            }
        }

        int expired = 0;
        foreach ((string id, DateTimeOffset modified) in newest.Where(pair => clock.GetUtcNow() - pair.Value > age))
        {
            // One whose document never became durable was never answered either.
            UploadSession session = await FindAsync(id, cancellationToken) ?? new UploadSession(id, "", modified) { IsStored = true };
            using UploadSession.Turn? turn = await session.TryEnterAsync();
            if (turn is not null)
            {
                await CloseAsync(session, cancellationToken);
                expired++;
            }
        }

        return expired;
    }

    public void Dispose()
    {
        foreach (UploadSession session in _sessions.Values)
        {
            session.Dispose();
        }
    }

    private async Task<UploadSession?> FindAsync(string id, CancellationToken cancellationToken)
    {
        if (_sessions.TryGetValue(id, out UploadSession? session) && !(backend.IsShared && await IsFinishedElsewhereAsync(session, cancellationToken)))
        {
            return session;
        }

        byte[]? content = await backend.ReadAllAsync(StoragePaths.UploadSession(id), MaxDocumentLength, cancellationToken);
        if (content is null)
        {
            return null;
        }

        UploadSessionDocument document = JsonSerializer.Deserialize(content, RegistryJson.Default.UploadSessionDocument)!;
        session = new UploadSession(id, document.Repository, document.StartedAt) { IsStored = true };
        if (backend.IsShared)
        {
            // Its parts are told by claims, which every turn begins with.
            return _sessions.GetOrAdd(id, session);
        }

        await foreach (StorageEntry part in backend.ListAsync(StoragePaths.UploadParts(id), null, cancellationToken))
        {
            if (StoragePaths.PartOffsetOf(part.Path) != session.Offset)
            {
                // What stands behind a gap is the rest of something that was interrupted; nobody was told of it since, and the client sends from the gap on.
                await backend.DeleteAsync(part.Path, cancellationToken);
                continue;
            }

            session.Add(part.Path, part.Length, isProven: true);
        }

        return _sessions.GetOrAdd(id, session);
    }

    private async Task<bool> IsFinishedElsewhereAsync(UploadSession session, CancellationToken cancellationToken)
    {
        if (!session.IsStored || await backend.StatAsync(StoragePaths.UploadSession(session.Id), cancellationToken) is not null)
        {
            return false;
        }

        session.IsClosed = true;
        _sessions.TryRemove(session.Id, out _);
        return true;
    }

    private async Task<UploadSession.Turn> EnterAsync(UploadSession session, CancellationToken cancellationToken)
    {
        UploadSession.Turn turn = await session.EnterAsync(cancellationToken);
        try
        {
            if (session.IsClosed)
            {
                throw new RegistryException(RegistryError.BlobUploadUnknown, $"Upload {session.Id} is finished.");
            }

            if (backend.IsShared)
            {
                await _claims.RefreshAsync(session, cancellationToken);
            }

            return turn;
        }
        catch
        {
            turn.Dispose();
            throw;
        }
    }

    private static void RequireOffset(UploadSession session, long? start)
    {
        if (start is not null && start != session.Offset)
        {
            throw new RegistryException(RegistryError.RangeInvalid, $"The chunk begins at {start}, the upload stands at {session.Offset}.")
            {
                Headers = BlobUploads.StateHeaders(session),
            };
        }
    }

    private async Task AppendPartAsync(UploadSession session, Stream body, ChunkRange chunk, CancellationToken cancellationToken)
    {
        string part = backend.IsShared ? StoragePaths.UploadPart(session.Id, Guid.NewGuid()) : StoragePaths.UploadPart(session.Id, session.Offset);
        IncrementalHash hash = session.Hash ?? ContentHash.Create(ContentHash.Sha256);
        bool isKept = false;
        try
        {
            await StoreAsync(session, cancellationToken);
            await using IStorageWriter writer = await backend.CreateAsync(new WriteIntent(part, chunk.BodyLength), cancellationToken);
            ReceivedContent content = await receiver.ReceiveAsync(body, chunk.BodyLength, writer, hash, cancellationToken);
            if (content.Cut is null)
            {
                chunk.RequireLength(content.Length);
            }

            if (content.Length > 0)
            {
                // Also when the client is gone: what came shall not be sent again.
                await writer.CommitAsync(part, CancellationToken.None);
                await AddAsync(session, part, content.Length, writer.IsProven);
            }

            isKept = true;
            if (content.Cut is not null)
            {
                throw new RegistryException(RegistryError.BlobUploadInvalid, $"The body ended after {content.Length} bytes; the upload stands at {session.Offset}.", content.Cut);
            }
        }
        finally
        {
            if (!isKept)
            {
                session.DropHash();
            }

            if (session.Hash != hash)
            {
                hash.Dispose();
            }
        }
    }

    private async Task AddAsync(UploadSession session, string part, long length, bool isProven)
    {
        if (!backend.IsShared)
        {
            session.Add(part, length, isProven);
            return;
        }

        if (!await _claims.TryClaimAsync(session, part, length, isProven, CancellationToken.None))
        {
            long start = session.Offset;
            await backend.DeleteAsync(part, CancellationToken.None);
            await _claims.RefreshAsync(session, CancellationToken.None);
            RequireOffset(session, start);
        }
    }

    private async Task StoreAsync(UploadSession session, CancellationToken cancellationToken)
    {
        if (session.IsStored)
        {
            return;
        }

        var document = new UploadSessionDocument { Repository = session.Repository, StartedAt = session.StartedAt };
        byte[] content = JsonSerializer.SerializeToUtf8Bytes(document, RegistryJson.Default.UploadSessionDocument);
        await backend.PutAsync(StoragePaths.UploadSession(session.Id), content, PutMode.Replace, cancellationToken);
        session.IsStored = true;
    }

    private async Task<Digest> HashAsync(UploadSession session, string algorithm, CancellationToken cancellationToken)
    {
        if (session is { Hash: not null, IsProven: true } && algorithm == ContentHash.Sha256)
        {
            return ContentHash.Current(session.Hash);
        }

        using IncrementalHash hash = ContentHash.Create(algorithm);
        foreach (string part in session.Parts)
        {
            await receiver.HashAsync(backend, part, hash, cancellationToken);
        }

        return ContentHash.Current(hash);
    }

    private async Task CloseAsync(UploadSession session, CancellationToken cancellationToken)
    {
        session.IsClosed = true;
        _sessions.TryRemove(session.Id, out _);
        session.DropHash();

        if (!session.IsStored)
        {
            return;
        }

        // The document first: parts without it are nobody's and expire.
        await backend.DeleteAsync(StoragePaths.UploadSession(session.Id), cancellationToken);
        await backend.DeleteFolderAsync(StoragePaths.Upload(session.Id), cancellationToken);
    }
}
