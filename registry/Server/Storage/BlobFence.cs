using AiModels.ModelPack.Oci;

namespace AiModels.Registry.Storage;

/// <summary>
/// Keeps garbage collection off the blobs that somebody is about to refer to: inside one process by what is in its memory, beyond it by <see cref="CondemnedDigests"/>.
/// Whoever relies on a blob's presence (a push that finds it there, a mount, a manifest that names it) uses it for as long as it takes to write its own reference.
/// The sweeper may condemn a digest only when nobody uses it and nobody did since its mark began: a reference written after the mark passed by is thereby safe.
/// </summary>
internal sealed class BlobFence(CondemnedDigests condemned)
{
    private readonly CondemnedDigests _condemnedElsewhere = condemned;
    private readonly Lock _gate = new();
    private readonly Dictionary<Digest, int> _users = [];
    private readonly Dictionary<Digest, TaskCompletionSource> _condemned = [];
    private HashSet<Digest>? _usedSinceMark;

    /// <summary>Uses blobs until the lease is disposed. Waits while one of them is just being deleted; afterwards it is absent, which the caller must look for.</summary>
    public async ValueTask<Lease> UseAsync(IReadOnlyCollection<Digest> digests, CancellationToken cancellationToken)
    {
        var used = new List<Digest>(digests.Count);
        var lease = new Lease(this, used);
        try
        {
            foreach (Digest digest in digests)
            {
                Task? gone;
                while ((gone = TryUse(digest)) is not null)
                {
                    await gone.WaitAsync(cancellationToken);
                }

                used.Add(digest);
            }

            await _condemnedElsewhere.RescueAsync(digests, cancellationToken);
            lease.Looked = _condemnedElsewhere.Timestamp;
            return lease;
        }
        catch
        {
            lease.Dispose();
            throw;
        }
    }

    /// <summary>Begins a collection: from now on uses are remembered until <see cref="EndCollection"/>.</summary>
    public void BeginCollection()
    {
        lock (_gate)
        {
            _usedSinceMark = [.. _users.Keys];
        }
    }

    public void EndCollection()
    {
        lock (_gate)
        {
            _usedSinceMark = null;
        }
    }

    /// <summary>Whether the sweeper may delete what this digest names. If so it must call <see cref="Absolve"/> afterwards; uses wait until then.</summary>
    public bool TryCondemn(Digest digest)
    {
        lock (_gate)
        {
            if (_usedSinceMark is null || _usedSinceMark.Contains(digest) || _users.ContainsKey(digest))
            {
                return false;
            }

            return _condemned.TryAdd(digest, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        }
    }

    /// <summary>The deletion is over.</summary>
    public void Absolve(Digest digest)
    {
        lock (_gate)
        {
            if (_condemned.Remove(digest, out TaskCompletionSource? waiting))
            {
                waiting.SetResult();
            }
        }
    }

    private Task? TryUse(Digest digest)
    {
        lock (_gate)
        {
            if (_condemned.TryGetValue(digest, out TaskCompletionSource? waiting))
            {
                return waiting.Task;
            }

            _users[digest] = _users.GetValueOrDefault(digest) + 1;
            _usedSinceMark?.Add(digest);
            return null;
        }
    }

    private void Release(IReadOnlyCollection<Digest> digests)
    {
        lock (_gate)
        {
            foreach (Digest digest in digests)
            {
                int users = _users[digest] - 1;
                if (users == 0)
                {
                    _users.Remove(digest);
                }
                else
                {
                    _users[digest] = users;
                }
            }
        }
    }

    /// <summary>The uses of one operation.</summary>
    internal sealed class Lease(BlobFence fence, IReadOnlyCollection<Digest> digests) : IDisposable
    {
        private BlobFence? _fence = fence;

        /// <summary>When the digests were last looked at.</summary>
        public long Looked { get; set; }

        /// <summary>
        /// To be asked before a reference is written. True when so much time has passed that another process may have deleted a blob meanwhile: it is protected again from
        /// now on, but whether it is there must be looked up once more.
        /// </summary>
        public async ValueTask<bool> RenewAsync(CancellationToken cancellationToken)
        {
            if (_fence is not { } fence || !fence._condemnedElsewhere.IsOld(Looked))
            {
                return false;
            }

            await fence._condemnedElsewhere.RescueAsync(digests, cancellationToken);
            Looked = fence._condemnedElsewhere.Timestamp;
            return true;
        }

        public void Dispose() => Interlocked.Exchange(ref _fence, null)?.Release(digests);
    }
}
