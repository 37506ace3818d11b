using System.Buffers;
using System.Collections.Concurrent;
using System.Globalization;
using Microsoft.AspNetCore.Http;

namespace AiModels.TestKit;

/// <summary>Where hubs redirect to for large files: another host, signed URLs that end, ranges, and every fault that such a store shows.</summary>
public sealed class FakeCdn : IAsyncDisposable
{
    private const int BlockLength = 256 * 1024;

    private readonly Func<string, string, FakeContent?> _find;
    private readonly ConcurrentDictionary<string, int> _requests = [];
    private readonly ConcurrentDictionary<string, int> _usesLeft = [];
    private readonly ConcurrentDictionary<string, long> _sent = [];
    private LoopbackServer _server = null!;
    private int _signatures;
    private int _active;
    private int _mostActive;

    private FakeCdn(Func<string, string, FakeContent?> find) => _find = find;

    /// <summary>Whether ranges are answered.</summary>
    public bool HasRanges { get; set; } = true;

    /// <summary>How many requests a signed URL answers before it has expired.</summary>
    public int UsesOfUrl { get; set; } = int.MaxValue;

    /// <summary>Decides about each request: null to serve it, or how to fail.</summary>
    public Func<CdnRequest, CdnFault?>? Fault { get; set; }

    /// <summary>Every request that came.</summary>
    public ConcurrentQueue<CdnRequest> Requests { get; } = [];

    /// <summary>Set when an Authorization header came, which it never may.</summary>
    public bool HasTokenLeaked { get; private set; }

    /// <summary>Requests being answered.</summary>
    public int Active => Volatile.Read(ref _active);

    /// <summary>The most of them that there were at one time.</summary>
    public int MostActive => Volatile.Read(ref _mostActive);

    /// <summary>Bytes that were sent of all files.</summary>
    public long Bytes => _sent.Values.Sum();

    /// <param name="find">The content behind a repository and a path.</param>
    public static async Task<FakeCdn> StartAsync(Func<string, string, FakeContent?> find)
    {
        var cdn = new FakeCdn(find);

        // By the other name of loopback: a client that compares hosts sees another one.
        cdn._server = await LoopbackServer.StartAsync(cdn.AnswerAsync, "localhost");
        return cdn;
    }

    /// <summary>Bytes that were sent of a repository's files.</summary>
    public long BytesOf(string repository) => _sent.Where(entry => entry.Key.StartsWith(repository + " ", StringComparison.Ordinal)).Sum(entry => entry.Value);

    /// <summary>A URL for a file that works for a while.</summary>
    public Uri Sign(string repository, string path)
    {
        string signature = Interlocked.Increment(ref _signatures).ToString(CultureInfo.InvariantCulture);
        _usesLeft[signature] = UsesOfUrl;
        return new Uri(_server.Address, $"xet-bridge?repository={Uri.EscapeDataString(repository)}&path={Uri.EscapeDataString(path)}&X-Amz-Expires=3600&X-Amz-Signature={signature}");
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    /// <summary>Answers with a content or the range of it that is asked for, as the fault has it. Returns how many bytes were sent.</summary>
    public static async Task<long> SendAsync(HttpContext http, FakeContent content, bool hasRanges, CdnFault? fault)
    {
        (long start, long end) = (0, content.Length);
        http.Response.Headers.AcceptRanges = "bytes";
        if (hasRanges && http.Request.GetTypedHeaders().Range?.Ranges.First() is { From: { } from } range)
        {
            (start, end) = (from, Math.Min(content.Length, (range.To ?? content.Length - 1) + 1));
            if (start >= content.Length)
            {
                http.Response.StatusCode = StatusCodes.Status416RangeNotSatisfiable;
                http.Response.Headers.ContentRange = $"bytes */{content.Length}";
                return 0;
            }

            end = fault == CdnFault.TooShort && end - start > 1 ? start + ((end - start) / 2) : end;
            http.Response.StatusCode = StatusCodes.Status206PartialContent;
            http.Response.Headers.ContentRange = $"bytes {start}-{end - 1}/{content.Length + (fault == CdnFault.OtherLength ? 1 : 0)}";
        }

        // A body that is too long cannot announce its length: the connection would take the rest for the next answer.
        http.Response.ContentLength = fault == CdnFault.TooLong ? null : end - start + (fault == CdnFault.OtherLength && start == 0 && end == content.Length && !hasRanges ? 1 : 0);
        if (HttpMethods.IsHead(http.Request.Method))
        {
            return 0;
        }

        long stop = fault is CdnFault.Cut or CdnFault.Stall ? start + ((end - start) / 2) : end;
        long flipped = fault == CdnFault.FlippedBit ? start + ((end - start) / 2) : -1;
        long sent = await SendBodyAsync(http, content, start, stop, flipped);
        if (fault == CdnFault.TooLong)
        {
            await http.Response.Body.WriteAsync(new byte[10]);
        }
        else if (fault is CdnFault.Cut or CdnFault.Stall)
        {
            await http.Response.Body.FlushAsync();
            if (fault == CdnFault.Stall)
            {
                await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, http.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }

            http.Abort();
        }

        return sent;
    }

    private static async Task<long> SendBodyAsync(HttpContext http, FakeContent content, long start, long stop, long flipped)
    {
        byte[] block = ArrayPool<byte>.Shared.Rent(BlockLength);
        try
        {
            for (long offset = start; offset < stop;)
            {
                Memory<byte> part = block.AsMemory(0, (int)Math.Min(BlockLength, stop - offset));
                await content.ReadAsync(offset, part, http.RequestAborted);
                if (flipped >= offset && flipped < offset + part.Length)
                {
                    part.Span[(int)(flipped - offset)] ^= 1;
                }

                await http.Response.Body.WriteAsync(part, http.RequestAborted);
                offset += part.Length;
            }

            return stop - start;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(block);
        }
    }

    private async Task AnswerAsync(HttpContext http)
    {
        HasTokenLeaked |= http.Request.Headers.Authorization.Count > 0;
        string repository = http.Request.Query["repository"].ToString();
        string path = http.Request.Query["path"].ToString();
        int count = _requests.AddOrUpdate($"{repository} {path}", 1, (_, known) => known + 1);
        var range = http.Request.GetTypedHeaders().Range?.Ranges.First();
        var request = new CdnRequest(repository, path, range?.From ?? 0, range?.To + 1, count);
        Requests.Enqueue(request);
        int active = Interlocked.Increment(ref _active);
        InterlockedMax(active);
        try
        {
            await AnswerAsync(http, request);
        }
        catch (Exception e) when (http.RequestAborted.IsCancellationRequested && e is OperationCanceledException or IOException)
        {
            // The client has gone.
        }
        finally
        {
            Interlocked.Decrement(ref _active);
        }
    }

    private async Task AnswerAsync(HttpContext http, CdnRequest request)
    {
        bool isExpired = _usesLeft.AddOrUpdate(http.Request.Query["X-Amz-Signature"].ToString(), -1, (_, left) => left - 1) < 0;
        CdnFault? fault = isExpired ? CdnFault.Expired : Fault?.Invoke(request);
        switch (fault)
        {
            case CdnFault.Expired:
                http.Response.StatusCode = StatusCodes.Status403Forbidden;
                await http.Response.WriteAsync("<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>");
                return;
            case CdnFault.TooManyRequests:
                http.Response.Headers.RetryAfter = "0";
                http.Response.StatusCode = StatusCodes.Status429TooManyRequests;
                return;
            case CdnFault.Unavailable:
                http.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
                return;
        }

        if (_find(request.Repository, request.Path) is not { } content)
        {
            http.Response.StatusCode = StatusCodes.Status404NotFound;
            return;
        }

        // The store's own name for the bytes, which is not their SHA-256.
        http.Response.Headers.ETag = $"\"{FakeContent.GitOidOf(System.Text.Encoding.UTF8.GetBytes(request.Path))}\"";
        long sent = await SendAsync(http, content, HasRanges, fault);
        _sent.AddOrUpdate($"{request.Repository} {request.Path}", sent, (_, known) => known + sent);
    }

    private void InterlockedMax(int active)
    {
        for (int known = _mostActive; active > known;)
        {
            int seen = Interlocked.CompareExchange(ref _mostActive, active, known);
            if (seen == known)
            {
                return;
            }

            known = seen;
        }
    }
}

/// <summary>A request for a file's bytes.</summary>
/// <param name="Path">Of the file within its repository; a digest for Ollama.</param>
/// <param name="End">Exclusive; null when no range was asked for.</param>
/// <param name="Count">The how-manieth for this file, from 1.</param>
public sealed record CdnRequest(string Repository, string Path, long Start, long? End, int Count)
{
    /// <summary>Without the commit that stands before the path of a file of Hugging Face.</summary>
    public string File => Path[(Path.IndexOf('/', StringComparison.Ordinal) + 1)..];

    public override string ToString() => $"{Repository} {File} {Start}-{End - 1}";
}

/// <summary>How the CDN fails a request.</summary>
public enum CdnFault
{
    /// <summary>The connection breaks in the middle of the body.</summary>
    Cut,

    /// <summary>In the middle of the body no more bytes come, and the connection stays open.</summary>
    Stall,

    /// <summary>One bit arrives wrong.</summary>
    FlippedBit,

    /// <summary>More bytes than were asked for.</summary>
    TooLong,

    /// <summary>A shorter range than was asked for, and said so: that is allowed.</summary>
    TooShort,

    /// <summary>The file is said to have another length.</summary>
    OtherLength,

    /// <summary>The signed URL is not valid any more.</summary>
    Expired,

    /// <summary>429.</summary>
    TooManyRequests,

    /// <summary>503.</summary>
    Unavailable,
}
