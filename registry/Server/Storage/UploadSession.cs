using System.Security.Cryptography;

namespace AiModels.Registry.Storage;

/// <summary>
/// A blob upload that goes on over several requests. What is durable is the session's document and its parts; the running hash is kept in memory and, after a restart
/// or when another replica brought a part, computed anew from the parts when it is needed.
/// </summary>
internal sealed class UploadSession(string id, string repository, DateTimeOffset startedAt) : IDisposable
{
    private readonly SemaphoreSlim _turn = new(1, 1);
    private CancellationTokenSource? _current;

    public string Id { get; } = id;

    public string Repository { get; } = repository;

    public DateTimeOffset StartedAt { get; } = startedAt;

    /// <summary>Whether it survives a restart: from its first bytes on. An upload without bytes has nothing to lose, and most end with the request after the first.</summary>
    public bool IsStored { get; set; }

    /// <summary>Bytes that are durable.</summary>
    public long Offset { get; private set; }

    /// <summary>Paths of the parts in order.</summary>
    public List<string> Parts { get; } = [];

    /// <summary>SHA-256 of exactly the durable bytes, or null when it must be computed from the parts.</summary>
    public IncrementalHash? Hash { get; private set; }

    /// <summary>When the upload was cancelled or finished it is gone, also for requests that were waiting.</summary>
    public bool IsClosed { get; set; }

    /// <summary>A new session begins with a hash of nothing.</summary>
    public void BeginHash() => Hash = ContentHash.Create(ContentHash.Sha256);

    /// <summary>The hash no longer matches the durable bytes.</summary>
    public void DropHash()
    {
        Hash?.Dispose();
        Hash = null;
    }

    /// <summary>Whether the medium has confirmed all parts, so that the hash of what was received is that of what is stored.</summary>
    public bool IsProven { get; private set; } = true;

    /// <summary>A part became durable.</summary>
    public void Add(string part, long length, bool isProven)
    {
        Parts.Add(part);
        Offset += length;
        IsProven = IsProven && isProven;
    }

    /// <summary>
    /// One request at a time. A client whose connection broke comes back before the server has noticed: the request that still reads from the dead connection is
    /// told to stop, keeps what it has, and the newcomer goes on from there.
    /// </summary>
    public async Task<Turn> EnterAsync(CancellationToken cancellationToken)
    {
        if (!await _turn.WaitAsync(TimeSpan.FromSeconds(2), cancellationToken))
        {
            Volatile.Read(ref _current)?.Cancel();
            await _turn.WaitAsync(cancellationToken);
        }

        var turn = new Turn(this, CancellationTokenSource.CreateLinkedTokenSource(cancellationToken));
        Volatile.Write(ref _current, turn.Source);
        return turn;
    }

    /// <summary>Enters only when nobody is in.</summary>
    public async Task<Turn?> TryEnterAsync() => await _turn.WaitAsync(TimeSpan.Zero) ? new Turn(this, new CancellationTokenSource()) : null;

    public void Dispose()
    {
        DropHash();
        _turn.Dispose();
    }

    /// <summary>The right to change the session.</summary>
    internal sealed class Turn(UploadSession session, CancellationTokenSource source) : IDisposable
    {
        public CancellationTokenSource Source { get; } = source;

        /// <summary>Ends when the client is gone or another request takes over.</summary>
        public CancellationToken Token => Source.Token;

        public void Dispose()
        {
            // Not the source itself: a newcomer may be about to cancel it, and it holds nothing but a registration that ends with the request.
            Volatile.Write(ref session._current, null);
            session._turn.Release();
        }
    }
}

/// <summary>The stored part of an upload.</summary>
internal sealed record UploadSessionDocument
{
    public required string Repository { get; init; }

    public required DateTimeOffset StartedAt { get; init; }
}
