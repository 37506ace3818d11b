using System.Threading.Channels;
using AiModels.ApiMachinery.Storage;
using LiteDB;

namespace AiModels.LiteDbStore;

/// <summary>
/// The one that writes. Everything that waits when it comes around goes into one transaction and one sync (group commit); nothing is acknowledged before
/// its transaction is on disk.
/// </summary>
internal sealed class LiteDbWriter : IAsyncDisposable
{
    // So that the first of a long queue does not wait for all of it.
    private const int MaximumWrites = 256;

    private readonly LiteDbDatabase _database;
    private readonly LiteDbReads _reads;
    private readonly Action<long, IReadOnlyList<HubEvent>> _committed;
    private readonly Channel<PendingWrite> _queue = Channel.CreateUnbounded<PendingWrite>(new UnboundedChannelOptions { SingleReader = true });
    private readonly Task _loop;
    private long _revision;

    /// <param name="committed">Told of every commit, in order, before its writes are acknowledged: the newest revision and the events.</param>
    public LiteDbWriter(LiteDbDatabase database, long revision, Action<long, IReadOnlyList<HubEvent>> committed)
    {
        (_database, _reads, _revision, _committed) = (database, new LiteDbReads(database), revision, committed);
        _loop = Task.Run(RunAsync);
    }

    /// <summary>Queues a write. The task ends when it is on disk, or with why it is not.</summary>
    public Task<WriteResult> EnqueueAsync(PendingWrite write)
    {
        ObjectDisposedException.ThrowIf(!_queue.Writer.TryWrite(write), this);
        return write.Completion;
    }

    /// <summary>Finishes what is queued.</summary>
    public async ValueTask DisposeAsync()
    {
        _queue.Writer.TryComplete();
        await _loop;
    }

    private async Task RunAsync()
    {
        var batch = new List<PendingWrite>(MaximumWrites);
        while (await _queue.Reader.WaitToReadAsync())
        {
            batch.Clear();
            while (batch.Count < MaximumWrites && _queue.Reader.TryRead(out PendingWrite? write))
            {
                if (write.IsWanted())
                {
                    batch.Add(write);
                }
            }

            Commit(batch);
        }
    }

    private void Commit(List<PendingWrite> batch)
    {
        var events = new List<HubEvent>(batch.Count);
        long revision = _revision;
        try
        {
            _database.Write(() => batch.ForEach(write => Apply(write, ref revision, events)));
        }
        catch (Exception reason)
        {
            StoreUnavailableException refusal = reason as StoreUnavailableException ?? new StoreUnavailableException("the write failed: " + reason.Message, reason);
            batch.ForEach(write => write.Fail(refusal));
            return;
        }

        _revision = revision;
        _committed(revision, events);
        batch.ForEach(write => write.Acknowledge());
    }

    private void Apply(PendingWrite write, ref long revision, List<HubEvent> events)
    {
        StoredObject? current = _reads.Get(write.Key);
        if (write.Decide(current, revision + 1) is not { } change)
        {
            return;
        }

        revision++;
        Insert(write, revision, current?.Revision);
        events.Add(change);
    }

    private void Insert(PendingWrite write, long revision, long? previous)
    {
        bool isDeletion = write.Type == StoreEventType.Deleted;
        _database.Versions.Insert(new BsonDocument
        {
            ["_id"] = revision,
            ["key"] = write.Path,
            ["kind"] = (int)write.Type,
            ["previous"] = previous is { } replaced ? replaced : BsonValue.Null,
            ["value"] = isDeletion ? BsonValue.Null : write.Value.ToArray(),
        });
        if (isDeletion)
        {
            _database.Objects.Delete(write.Path);
        }
        else
        {
            _database.Objects.Upsert(new BsonDocument { ["_id"] = write.Path, ["revision"] = revision });
        }
    }
}
