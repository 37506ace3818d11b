using System.Security.Cryptography;
using AiModels.ModelPack.Oci;

namespace AiModels.ModelPack.Chunking;

/// <summary>
/// The encoding of one chunk, fed segment by segment while it is still being received: each segment is compressed as soon as it is full,
/// beside the digest over the raw bytes that is computed in order. Owns the segments it is given.
/// Every segment but the last holds exactly <see cref="Segment.Size"/> bytes, so that frames are cut at the same places whoever encodes.
/// </summary>
internal sealed class ChunkEncodingRun(ChunkEncoder encoder, bool allowCompression) : IAsyncDisposable
{
    private readonly List<Segment> _raw = [];
    private readonly List<Task<Segment?>> _frames = [];
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private Task _hashed = Task.CompletedTask;
    private long _length;

    /// <summary>The raw bytes so far.</summary>
    public IEnumerable<Segment> Raw => _raw;

    /// <summary>Takes over a full segment (or the last one) and starts working on it.</summary>
    public void Add(Segment segment)
    {
        _raw.Add(segment);
        _length += segment.Length;
        _frames.Add(allowCompression ? Task.Run(() => encoder.TryCompress(segment.ContentSpan)) : Task.FromResult<Segment?>(null));
        _hashed = HashAfterAsync(_hashed, segment);
    }

    /// <summary>Waits for all work and decides. Afterwards the result owns the buffers.</summary>
    /// <param name="keepRaw">True when it has turned out that this chunk must be stored raw.</param>
    public async Task<EncodedChunk> FinishAsync(bool keepRaw)
    {
        Segment?[] frames = await Task.WhenAll(_frames);
        await _hashed;
        Digest logical = Digest.FromSha256(_hash.GetHashAndReset());
        if (keepRaw || !await CompleteFramesAsync(frames))
        {
            ReturnAll(frames);
            _frames.Clear();
            return Finished(new EncodedChunk(ChunkEncoding.Raw, [.. _raw], _length, logical, logical));
        }

        ReturnAll(_raw);
        _raw.Clear();
        foreach (Segment? frame in frames)
        {
            _hash.AppendData(frame!.ContentSpan);
        }

        Digest stored = Digest.FromSha256(_hash.GetHashAndReset());
        return Finished(new EncodedChunk(ChunkEncoding.Zstd, frames!, _length, logical, stored));
    }

    /// <summary>Waits until nothing works on the buffers any more and gives them back.</summary>
    public async ValueTask DisposeAsync()
    {
        // Whatever these tasks failed with has been thrown by FinishAsync, or the chunk is being abandoned.
        await ((Task)Task.WhenAll(_frames)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _hashed.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        ReturnAll(_frames.Where(frame => frame.IsCompletedSuccessfully).Select(frame => frame.Result));
        ReturnAll(_raw);
        _frames.Clear();
        _raw.Clear();
        _hash.Dispose();
    }

    private async Task HashAfterAsync(Task previous, Segment segment)
    {
        await previous.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        _hash.AppendData(segment.ContentSpan);
    }

    /// <summary>Whether zstd makes the chunk smaller. If so, frames that were not worth it alone are made as well, because a chunk has one encoding.</summary>
    private async Task<bool> CompleteFramesAsync(Segment?[] frames)
    {
        long saved = 0;
        for (int i = 0; i < frames.Length; i++)
        {
            saved += frames[i] is { } frame ? _raw[i].Length - frame.Length : 0;
        }

        if (saved <= 0)
        {
            return false;
        }

        for (int i = 0; i < frames.Length; i++)
        {
            if (frames[i] is null)
            {
                Segment raw = _raw[i];
                _frames[i] = Task.Run<Segment?>(() => encoder.Compress(raw.ContentSpan));
                frames[i] = await _frames[i];
            }
        }

        return frames.Sum(frame => (long)frame!.Length) < _length;
    }

    private EncodedChunk Finished(EncodedChunk chunk)
    {
        _raw.Clear();
        _frames.Clear();
        _hash.Dispose();
        return chunk;
    }

    private static void ReturnAll(IEnumerable<Segment?> segments)
    {
        foreach (Segment? segment in segments)
        {
            segment?.Return();
        }
    }
}
