using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text.Json;
using AiModels.ApiMachinery.Storage;
using AiModels.ApiServer.Uploads;
using AiModels.Hosting.Certificates;

namespace AiModels.ApiServer.Replicas;

/// <summary>
/// Who else serves from this store: each replica keeps a document of itself there, and watches those of the others. It is used for what is shared in memory
/// (live progress) only: a replica that is not found misses that for a while, and nothing else.
/// </summary>
internal sealed partial class ReplicaDirectory(
    IObjectStore store, ReplicaAddress address, ServingCertificate certificate, TimeProvider time, ILogger<ReplicaDirectory> log) : BackgroundService
{
    private static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(20);

    // Three heartbeats: one may be late, and clocks differ.
    private static readonly TimeSpan Freshness = TimeSpan.FromSeconds(60);

    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);
    private static readonly string Prefix = ObjectKey.PrefixOf(UploadJournal.Group, "replicas");
    private readonly string _id = Guid.NewGuid().ToString("N");
    private readonly ConcurrentDictionary<string, ReplicaRecord> _known = new(StringComparer.Ordinal);

    /// <summary>The other replicas that were heard of lately.</summary>
    public IReadOnlyList<ReplicaRecord> Others
    {
        get
        {
            DateTimeOffset oldest = time.GetUtcNow() - Freshness;
            return [.. _known.Values.Where(replica => replica.Id != _id && replica.SeenAt > oldest)];
        }
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        try
        {
            await RemoveAsync(KeyOf(_id), cancellationToken);
        }
        catch (Exception gone) when (gone is StoreUnavailableException or OperationCanceledException)
        {
            // The others forget it by themselves.
        }
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => Task.WhenAll(
        RepeatAsync(AnnounceAsync, Heartbeat, stoppingToken),
        RepeatAsync(FollowAsync, Pause, stoppingToken));

    private async Task RepeatAsync(Func<CancellationToken, Task> act, TimeSpan interval, CancellationToken stop)
    {
        while (true)
        {
            TimeSpan wait = interval;
            try
            {
                await act(stop);
            }
            catch (Exception away) when (away is StoreUnavailableException or RevisionCompactedException)
            {
                Log.Away(log, away.Message);
                wait = Pause;
            }

            await Task.Delay(wait, time, stop);
        }
    }

    private async Task AnnounceAsync(CancellationToken cancellationToken)
    {
        DateTimeOffset now = time.GetUtcNow();
        var record = new ReplicaRecord
        {
            Id = _id,
            Url = address.Url,
            Certificate = certificate.Certificate.GetCertHashString(HashAlgorithmName.SHA256),
            SeenAt = now,
        };
        byte[] value = JsonSerializer.SerializeToUtf8Bytes(record, ReplicaJson.Default.ReplicaRecord);
        WriteResult written = await store.CreateAsync(KeyOf(_id), value, cancellationToken);
        if (written.Outcome == WriteOutcome.Exists)
        {
            await store.UpdateAsync(KeyOf(_id), written.Object!.Revision, value, cancellationToken);
        }

        foreach (ReplicaRecord dead in _known.Values.Where(replica => replica.SeenAt < now - (5 * Freshness)))
        {
            await RemoveAsync(KeyOf(dead.Id), cancellationToken);
        }
    }

    private async Task FollowAsync(CancellationToken cancellationToken)
    {
        StoredList list = await store.ListAsync(new ListRequest { Prefix = Prefix }, cancellationToken);
        _known.Clear();
        foreach (StoredObject stored in list.Objects)
        {
            Remember(stored);
        }

        await foreach (StoreEvent change in store.WatchAsync(Prefix, list.Revision, cancellationToken))
        {
            if (change.Type == StoreEventType.Deleted)
            {
                _known.TryRemove(change.Object.Key.Name, out _);
            }
            else
            {
                Remember(change.Object);
            }
        }
    }

    private void Remember(StoredObject stored) =>
        _known[stored.Key.Name] = JsonSerializer.Deserialize(stored.Value.Span, ReplicaJson.Default.ReplicaRecord)!;

    private async Task RemoveAsync(ObjectKey key, CancellationToken cancellationToken)
    {
        if (await store.GetAsync(key, cancellationToken) is { } stored)
        {
            await store.DeleteAsync(key, stored.Revision, cancellationToken);
        }
    }

    private static ObjectKey KeyOf(string id) => new(UploadJournal.Group, "replicas", "", id);

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Debug, "The other replicas cannot be looked for: {Reason}")]
        public static partial void Away(ILogger log, string reason);
    }
}
