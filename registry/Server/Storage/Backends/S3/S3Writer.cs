using Amazon.S3.Model;

namespace AiModels.Registry.Storage.Backends.S3;

/// <summary>
/// Writes an object: in one request when it is small, otherwise in parts that are sent while the next ones are received. Nothing can be seen before the commit;
/// what a crash leaves is an unfinished multipart upload, which <see cref="S3Janitor"/> ends.
/// </summary>
/// <param name="signsParts">Whether the server is to compare the SHA-256 of each part. Needless where the object is read before anybody relies on it.</param>
internal sealed class S3Writer(S3Objects objects, PartMemory memory, S3Options options, WriteIntent intent, string key, bool signsParts) : IStorageWriter
{
    // Four on the way while the fifth fills, as far as there is memory: one connection seldom fills a server's network or its disks.
    private const int PartsInFlight = 4;

    private readonly Queue<Task<PartETag>> _sending = new();
    private readonly List<PartETag> _sent = [];
    private readonly CancellationTokenSource _abandoned = new();
    private PartBuffer? _filling;
    private EarlyPut? _early;
    private string? _upload;
    private int _parts;
    private bool _isCommitted;

    public long Length { get; private set; }

    public bool IsProven { get; private set; }

    // The first one may turn out to be the whole object.
    private long PartSize => _parts == 0 ? Math.Max(FirstSize, PlannedSize) : PlannedSize;

    // Of a blob: what its bytes must have hashed to before they are committed.
    private string? Sha256 => intent.Digest is { Algorithm: ContentHash.Sha256 } digest ? digest.Hex : null;

    // One request will do, and everything that it says beforehand is known.
    private bool IsKnown => intent is { Path: not null, Length: not null } && Sha256 is not null && FirstSize > 0;

    private long PlannedSize => PartPlan.SizeOf(_parts + 1, intent.Length, options.PartSize);

    private long FirstSize => intent.Length <= options.SinglePutLimit ? intent.Length.Value : 0;

    public async ValueTask WriteAsync(ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        while (!content.IsEmpty)
        {
            if (_filling?.Length >= PartSize)
            {
                await SendFilledAsync(cancellationToken);
            }

            _filling ??= await RentAsync(cancellationToken);
            int taken = _filling.Append(content.Span, PartSize);
            if (taken == 0)
            {
                _filling.Extend(PartSize);
            }

            content = content[taken..];
            Length += taken;
        }

        if (_early is null && IsKnown && Length is >= PartMemory.BlockSize && Length < intent.Length)
        {
            _early = new EarlyPut(objects, key, _filling!.OpenFollower(Sha256!, intent.Length.Value));
        }
    }

    public async ValueTask CommitAsync(string path, CancellationToken cancellationToken)
    {
        if (_upload is null)
        {
            // Whatever the intent was: nothing is written yet.
            await PutWholeAsync(path, cancellationToken);
            return;
        }

        if (_filling is not null)
        {
            await SendFilledAsync(cancellationToken);
        }

        while (_sending.Count > 0)
        {
            _sent.Add(await _sending.Dequeue());
        }

        string? told = await objects.CompleteUploadAsync(key, _upload, _sent, Length, cancellationToken);
        _isCommitted = true;
        IsProven = await IsProvenByAsync(told, cancellationToken);
        if (path != key)
        {
            await objects.MoveAsync(key, path, Length, cancellationToken);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (!_isCommitted)
        {
            await _abandoned.CancelAsync();
        }

        // Memory may go back only when nobody sends from it any more.
        await Task.WhenAll(_sending).ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        await (_early?.DisposeAsync() ?? ValueTask.CompletedTask);
        _filling?.Dispose();
        _filling = null;
        if (!_isCommitted && _upload is not null)
        {
            _isCommitted = true;
            await objects.TryAbortUploadAsync(key, _upload);
        }

        _abandoned.Dispose();
    }

    private async Task PutWholeAsync(string path, CancellationToken cancellationToken)
    {
        using PartBuffer? content = _filling;
        _filling = null;
        if (await EndEarlyAsync(path, content, cancellationToken))
        {
            IsProven = await objects.ChecksPayloadAsync(cancellationToken);
        }
        else
        {
            string? sha256 = content is null ? null : Sha256 ?? content.ComputeSha256();
            IsProven = await objects.PutAsync(path, () => content?.OpenRead(sha256!) ?? new MemoryStream([]), Length, cancellationToken);
        }

        _isCommitted = true;
    }

    private async Task<bool> EndEarlyAsync(string path, PartBuffer? content, CancellationToken cancellationToken)
    {
        if (_early is null)
        {
            return false;
        }

        await using EarlyPut early = _early;
        _early = null;
        if (path != key || Length != intent.Length)
        {
            return false;
        }

        content!.Seal();
        return await early.EndsWellAsync(objects.PatienceFor(Length), cancellationToken);
    }

    /// <summary>A hash of the whole that the server tells counts only by being the right one; a wrong one is for a read to judge.</summary>
    private async ValueTask<bool> IsProvenByAsync(string? told, CancellationToken cancellationToken) => told is not null && Sha256 is { } expected
        ? told == Convert.ToBase64String(Convert.FromHexString(expected))
        : signsParts && options.Verification == S3Verification.Parts && await objects.ChecksPayloadAsync(cancellationToken);

    /// <summary>Memory for the next part; while there is none, the parts on the way are waited for, which give theirs back.</summary>
    private async ValueTask<PartBuffer> RentAsync(CancellationToken cancellationToken)
    {
        long size = intent.Length is { } length ? Math.Min(PartSize, Math.Max(1, length - Length)) : PartSize;
        PartBuffer? buffer;
        while ((buffer = memory.TryRent(size)) is null && _sending.Count > 0)
        {
            _sent.Add(await _sending.Dequeue());
        }

        return buffer ?? await memory.RentAsync(size, cancellationToken);
    }

    private async Task SendFilledAsync(CancellationToken cancellationToken)
    {
        _upload ??= await objects.BeginUploadAsync(key, cancellationToken);
        while (_sending.Count >= PartsInFlight)
        {
            _sent.Add(await _sending.Dequeue());
        }

        PartBuffer part = _filling!;
        _filling = null;
        _sending.Enqueue(SendAsync(part, ++_parts));
    }

    private async Task<PartETag> SendAsync(PartBuffer part, int number)
    {
        using (part)
        {
            // Hashing and signing it shall not hold up the bytes of the next one.
            await Task.Yield();
            return number > PartPlan.MaxParts
                ? throw new IOException($"An object has at most {PartPlan.MaxParts} parts; more came after {Length} bytes.")
                : await objects.PutPartAsync(key, _upload!, number, part, signsParts, _abandoned.Token);
        }
    }
}
