using System.Collections.Concurrent;

namespace AiModels.ApiServer.Uploads;

/// <summary>
/// One request at a time moves an upload. A newcomer takes over: a client whose connection broke comes back before the server has noticed,
/// so the older request is told to stop, keeps what it has, and the newer one goes on from there.
/// </summary>
internal sealed class ActiveUploads(TimeProvider time)
{
    // What the older request may take to store its last chunk.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);

    private readonly ConcurrentDictionary<string, Lease> _active = new(StringComparer.Ordinal);

    /// <summary>Whether bytes are on their way to this model right now.</summary>
    public bool IsActive(string uid) => _active.ContainsKey(uid);

    /// <summary>Waits for its turn. Dispose of the lease to end it; heed <see cref="Lease.Stop"/> meanwhile. 409 when the other does not stop.</summary>
    public async ValueTask<Lease> EnterAsync(string uid, CancellationToken cancellationToken)
    {
        var mine = new Lease(this, uid, cancellationToken);
        try
        {
            while (_active.GetOrAdd(uid, mine) is var holder && holder != mine)
            {
                holder.RequestStop();
                await holder.Ended.WaitAsync(Patience, time, cancellationToken);
            }

            return mine;
        }
        catch (TimeoutException)
        {
            mine.Dispose();
            throw UploadErrors.Busy();
        }
        catch
        {
            mine.Dispose();
            throw;
        }
    }

    /// <summary>The right to move one upload.</summary>
    internal sealed class Lease : IDisposable
    {
        private readonly ActiveUploads _owner;
        private readonly string _uid;
        private readonly CancellationTokenSource _stop;
        private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Lease(ActiveUploads owner, string uid, CancellationToken cancellationToken)
        {
            (_owner, _uid) = (owner, uid);
            _stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            Stop = _stop.Token;
        }

        /// <summary>Cancelled when the client is gone or another request wants to go on.</summary>
        public CancellationToken Stop { get; }

        public Task Ended => _ended.Task;

        public void RequestStop()
        {
            try
            {
                _stop.Cancel();
            }
            catch (ObjectDisposedException)
            {
                // It ended in this moment.
            }
        }

        public void Dispose()
        {
            _owner._active.TryRemove(KeyValuePair.Create(_uid, this));
            _ended.TrySetResult();
            _stop.Dispose();
        }
    }
}
