using System.Collections.Concurrent;
using Microsoft.AspNetCore.Http;

namespace AiModels.TestKit;

/// <summary>Where hubs redirect to for large files: another port, signed URLs, ranges, and faults.</summary>
public sealed class FakeCdn : IAsyncDisposable
{
    private readonly Func<string, byte[]> _find;
    private readonly ConcurrentDictionary<string, int> _requests = [];
    private readonly ConcurrentDictionary<string, int> _usesLeft = [];
    private LoopbackServer _server = null!;
    private long _bytes;
    private int _signatures;

    private FakeCdn(Func<string, byte[]> find) => _find = find;

    /// <summary>Whether ranges are answered.</summary>
    public bool HasRanges { get; set; } = true;

    /// <summary>How many requests a signed URL answers before it has expired.</summary>
    public int UsesOfUrl { get; set; } = int.MaxValue;

    /// <summary>Decides about each request, by path and its number for this path: null to serve it, or how to fail.</summary>
    public Func<string, int, CdnFault?>? Fault { get; set; }

    /// <summary>Requests for ranges that begin at this offset or behind it are refused, so that a transfer never ends.</summary>
    public long RefusedFrom { get; set; } = long.MaxValue;

    /// <summary>Ranges that were asked for, as "path first-last".</summary>
    public ConcurrentQueue<string> Ranges { get; } = [];

    /// <summary>Bytes that were sent.</summary>
    public long Bytes => Interlocked.Read(ref _bytes);

    /// <summary>Set when an Authorization header came, which it never may.</summary>
    public bool HasTokenLeaked { get; private set; }

    /// <param name="find">The content of a path.</param>
    public static async Task<FakeCdn> StartAsync(Func<string, byte[]> find)
    {
        var cdn = new FakeCdn(find);
        cdn._server = await LoopbackServer.StartAsync(cdn.AnswerAsync);
        return cdn;
    }

    /// <summary>A URL for a path that works for a while.</summary>
    public Uri Sign(string path)
    {
        string signature = Interlocked.Increment(ref _signatures).ToString(System.Globalization.CultureInfo.InvariantCulture);
        _usesLeft[signature] = UsesOfUrl;
        return new Uri(_server.Address, $"blob/{Uri.EscapeDataString(path)}?signature={signature}");
    }

    /// <summary>Answers with a content or the range of it that is asked for.</summary>
    public async Task SendAsync(HttpContext http, byte[] content, CdnFault? fault)
    {
        if (fault == CdnFault.Forbidden)
        {
            http.Response.StatusCode = 403;
            return;
        }

        int start = 0;
        int end = content.Length;
        if (HasRanges && http.Request.GetTypedHeaders().Range?.Ranges.First() is { From: { } from } range)
        {
            start = (int)from;
            end = (int)Math.Min(content.Length, (range.To ?? content.Length - 1) + 1);
            if (start >= content.Length)
            {
                http.Response.StatusCode = 416;
                return;
            }

            http.Response.StatusCode = 206;
            http.Response.Headers.ContentRange = $"bytes {start}-{end - 1}/{content.Length}";
        }

        byte[] body = content[start..end];
        if (fault == CdnFault.FlippedBit && body.Length > 0)
        {
            body[body.Length / 2] ^= 1;
        }

        http.Response.ContentLength = body.Length;
        int sent = fault == CdnFault.Cut ? body.Length / 2 : body.Length;
        await http.Response.Body.WriteAsync(body.AsMemory(0, sent));
        Interlocked.Add(ref _bytes, sent);
        if (fault == CdnFault.Cut)
        {
            await http.Response.Body.FlushAsync();
            http.Abort();
        }
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    private Task AnswerAsync(HttpContext http)
    {
        HasTokenLeaked |= http.Request.Headers.Authorization.Count > 0;
        string path = Uri.UnescapeDataString(http.Request.Path.Value!["/blob/".Length..]);
        Ranges.Enqueue($"{path} {http.Request.GetTypedHeaders().Range?.Ranges.First()}");
        int count = _requests.AddOrUpdate(path, 1, (_, known) => known + 1);
        bool isRefused = http.Request.GetTypedHeaders().Range?.Ranges.First().From >= RefusedFrom;
        bool isExpired = _usesLeft.AddOrUpdate(http.Request.Query["signature"]!, -1, (_, left) => left - 1) < 0;
        return SendAsync(http, _find(path), isExpired || isRefused ? CdnFault.Forbidden : Fault?.Invoke(path, count));
    }
}

/// <summary>How the CDN fails a request.</summary>
public enum CdnFault
{
    /// <summary>The connection breaks in the middle of the body.</summary>
    Cut,

    /// <summary>One bit arrives wrong.</summary>
    FlippedBit,

    /// <summary>The signed URL has expired.</summary>
    Forbidden,
}
