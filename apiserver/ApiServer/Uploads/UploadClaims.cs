namespace AiModels.ApiServer.Uploads;

/// <summary>
/// One replica at a time writes an upload, and the session's document says which. A replica that receives bytes renews its claim; one that has died, or
/// whose client is silent, loses it, and the next one that is asked takes over: the chunks that count so far are written down, and new ones go under a new
/// attempt. Whatever the former holder still has on its way lands under the old attempt, beyond what counts, and its next change of the document is refused.
/// Clocks of replicas need not agree: if one thinks too early that a claim is over, only the transfer is interrupted.
/// Where the store belongs to one process (SQLite) nothing is claimed: former holders are dead.
/// </summary>
internal sealed class UploadClaims(UploadJournal journal, ParkedTransfers parked, UploadRoom room, UploadOptions options, TimeProvider time)
{
    /// <summary>How long a claim lasts without renewal. Longer than a pause of the garbage collector or of a busy node, short enough to be waited for.</summary>
    public static readonly TimeSpan Term = TimeSpan.FromSeconds(10);

    /// <summary>How often a receiving replica renews.</summary>
    public static readonly TimeSpan RenewalInterval = TimeSpan.FromSeconds(3);

    // This process, this time: one that was killed and started again is another.
    private readonly string _id = Guid.NewGuid().ToString("N");

    /// <summary>Whether another replica has the upload now.</summary>
    public bool IsHeldElsewhere(UploadRecord record) => options.IsShared && record.Holder != _id && record.HeldUntil > time.GetUtcNow();

    /// <summary>Makes the upload this replica's. 409 with Retry-After while it is another's; 410 when the session is over.</summary>
    public async ValueTask<StoredUpload> ClaimAsync(StoredUpload upload, CancellationToken cancellationToken)
    {
        if (!options.IsShared)
        {
            return upload;
        }

        StoredUpload current = upload;
        while (true)
        {
            UploadRecord next = await NextAsync(current.Record, cancellationToken);
            (bool isMine, StoredUpload? now) = await journal.TryReplaceAsync(current, next, cancellationToken);
            if (now is null || now.Record.SessionId != upload.Record.SessionId)
            {
                throw UploadErrors.Gone("was replaced or deleted");
            }

            if (isMine && now.Record.Attempt != current.Record.Attempt)
            {
                // The new attempt asks for room of its own.
                await room.ReleaseAsync(current.Record, cancellationToken);
            }

            if (isMine)
            {
                return now;
            }

            current = now;
        }
    }

    /// <summary>Keeps the upload while bytes come, and refuses to go on when another replica has it.</summary>
    public async ValueTask<StoredUpload> RenewAsync(StoredUpload upload, CancellationToken cancellationToken) => options.IsShared
        ? await journal.UpdateAsync(upload, record => Guarded(record) with { HeldUntil = time.GetUtcNow() + Term }, cancellationToken)
            ?? throw UploadErrors.Gone("was replaced or deleted")
        : upload;

    /// <summary>Lets the upload go, so that the next request need not wait, whichever replica gets it.</summary>
    public async ValueTask ReleaseAsync(StoredUpload upload, CancellationToken cancellationToken)
    {
        if (options.IsShared)
        {
            await journal.UpdateAsync(upload, record => record.Holder == _id ? Released(record) : record, cancellationToken);
        }
    }

    /// <summary>The record, if this replica may still change it; 409 when another one took over.</summary>
    public UploadRecord Guarded(UploadRecord record) => !options.IsShared || record.Holder == _id ? record : throw UploadErrors.TakenOver();

    /// <summary>The record without its holder's claim. Who it was stays: nobody else wrote since.</summary>
    public static UploadRecord Released(UploadRecord record) => record with { HeldUntil = default };

    private async ValueTask<UploadRecord> NextAsync(UploadRecord record, CancellationToken cancellationToken)
    {
        DateTimeOffset now = time.GetUtcNow();
        UploadRecord claimed = record with { Holder = _id, HeldUntil = now + Term };
        if (record.Holder == _id || record.Holder is null)
        {
            return claimed;
        }

        if (record.HeldUntil > now)
        {
            throw UploadErrors.HeldElsewhere(record.HeldUntil - now);
        }

        // Another replica has written since: an encoder of ours that stands where the upload was is worthless.
        await parked.DropAsync(record.Uid);
        return record.HeldUntil == default ? claimed : await TakeOverAsync(claimed, cancellationToken);
    }

    private async ValueTask<UploadRecord> TakeOverAsync(UploadRecord record, CancellationToken cancellationToken)
    {
        int counted = await journal.CountAsync(record, cancellationToken);
        return record with
        {
            Carried = counted > 0 ? [.. record.Carried, new CarriedChunks(record.Attempt, counted)] : record.Carried,
            Attempt = record.Attempt + 1,
        };
    }
}
