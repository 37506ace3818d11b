namespace AiModels.Controllers.Preparation.Sources.Hubs;

/// <summary>
/// What all transfers of this process share, whatever the model and the hub: connections that carry bytes, each with the buffer it fills, and room for files
/// that are being cut into chunks. Bounds the memory of preparation. Thread-safe.
/// </summary>
internal sealed class TransferBudget(int connections) : IDisposable
{
    /// <summary>4 MiB: the cost of a request vanishes, and sixteen of them in flight are 64 MiB.</summary>
    public const int RangeLength = 4 * 1024 * 1024;

    /// <summary>
    /// 64 MiB: a chunk of 16 MiB is received while another is encoded and sent (each takes twice its size, raw and encoded).
    /// Larger chunks take what they need.
    /// </summary>
    public const long FileBytes = 64L * 1024 * 1024;

    /// <summary>4 GiB: a file above it is fetched for longer than others should wait for its room.</summary>
    public const long LongFile = 4L << 30;

    // Three large files at a time, or one of a model so large that its chunks have 128 MiB; of files that take long two.
    private const long AllFiles = 3 * FileBytes;
    private const long LongFiles = 2 * FileBytes;

    // Configurations, tokenizers and small weights: done in a moment, so they never wait for large ones.
    private const long SmallFile = 8L << 20;
    private const long SmallFiles = 32L << 20;

    private readonly SemaphoreSlim _connections = new(connections);
    private readonly FileRoom _files = new(AllFiles, LongFiles);
    private readonly FileRoom _smallFiles = new(SmallFiles, 0);

    /// <summary>Connections that nobody holds.</summary>
    public int FreeConnections => _connections.CurrentCount;

    /// <summary>Whether no file holds room.</summary>
    public bool IsRoomFree => _files.IsFree && _smallFiles.IsFree;

    /// <summary>A connection and its buffer. Waiters are served before those who only try.</summary>
    public Task AcquireConnectionAsync(CancellationToken cancellationToken) => _connections.WaitAsync(cancellationToken);

    /// <summary>One more connection for somebody who has one already; false when none is left.</summary>
    public bool TryAcquireConnection() => _connections.Wait(0, CancellationToken.None);

    public void ReleaseConnection() => _connections.Release();

    /// <summary>Room for a file while it is cut into chunks: twice its bytes, raw and encoded, and of a large one no more than the writer's own limit.</summary>
    /// <param name="owner">The model it belongs to.</param>
    public Task<IDisposable> AdmitFileAsync(string owner, long size, int chunkSize, CancellationToken cancellationToken) => size <= SmallFile
        ? _smallFiles.AdmitAsync(owner, 2 * size, isLong: false, cancellationToken)
        : _files.AdmitAsync(owner, Math.Min(2 * size, Math.Max(FileBytes, 2L * chunkSize)), size > LongFile, cancellationToken);

    public void Dispose() => _connections.Dispose();
}
