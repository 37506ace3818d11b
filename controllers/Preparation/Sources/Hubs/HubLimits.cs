using System.Collections.Concurrent;
using System.Globalization;
using System.Net;

namespace AiModels.Controllers.Preparation.Sources.Hubs;

/// <summary>
/// Rate limits of one hub, kept by everybody: a limit that one request meets holds back all requests it applies to, in this process at once and in the others
/// through <see cref="IHubPauses"/>, because hubs count by address and a cluster has one. Thread-safe.
/// <para>
/// Hugging Face says with every answer what is left: <c>RateLimit: "resolvers";r=2999;t=201</c> (draft-ietf-httpapi-ratelimit-headers), for listings and for files
/// separately. Others answer 429, perhaps with Retry-After.
/// </para>
/// </summary>
internal sealed class HubLimits(Uri endpoint, IHubPauses pauses, TimeProvider time)
{
    /// <summary>Listings and metadata.</summary>
    private const string Api = "api";

    /// <summary>Questions for the address of a file.</summary>
    private const string Resolvers = "resolvers";

    // What others have met is looked up this often, and only while requests are made.
    private static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(5);

    // A hub that asks for more than Hugging Face's own window of five minutes is not waited for in place: the preparation is tried again later.
    private static readonly TimeSpan LongestWait = TimeSpan.FromMinutes(6);

    // Without a word from the hub.
    private static readonly TimeSpan UsualWait = TimeSpan.FromSeconds(5);

    private readonly ConcurrentDictionary<string, DateTimeOffset> _heldUntil = [];
    private int _isLooking;
    private DateTimeOffset _lookedAt = DateTimeOffset.MinValue;

    /// <summary>Waits until a request may be made. Throws <see cref="HubException"/> when that is too long.</summary>
    public async Task WaitAsync(Uri target, CancellationToken cancellationToken)
    {
        string bucket = BucketOf(target);
        await LookAsync(cancellationToken);
        while (_heldUntil.TryGetValue(bucket, out DateTimeOffset until) && until - time.GetUtcNow() is { Ticks: > 0 } wait)
        {
            if (wait > LongestWait)
            {
                throw new HubException($"{target.Host} asks for a pause of {wait.TotalMinutes:0} minutes (rate limit).", HttpStatusCode.TooManyRequests);
            }

            await Task.Delay(wait, time, cancellationToken);
        }
    }

    /// <summary>Notes what an answer says about limits.</summary>
    public async Task NoteAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        (int? left, TimeSpan? reset) = Read(response);
        bool isRefused = response.StatusCode == HttpStatusCode.TooManyRequests;
        if (!isRefused && left != 0)
        {
            return;
        }

        TimeSpan wait = (isRefused ? RetryAfter(response) : null) ?? reset ?? UsualWait;
        string bucket = BucketOf(response.RequestMessage!.RequestUri!);

        // A second more, as huggingface_hub does: the window ends at the hub and not here.
        DateTimeOffset until = time.GetUtcNow() + wait + TimeSpan.FromSeconds(wait > TimeSpan.Zero ? 1 : 0);
        if (Hold(bucket, until) && wait > TimeSpan.Zero && IsHub(response.RequestMessage.RequestUri!))
        {
            await pauses.PublishAsync(endpoint, bucket, until, cancellationToken);
        }
    }

    private async Task LookAsync(CancellationToken cancellationToken)
    {
        if (time.GetUtcNow() - _lookedAt < LookInterval || Interlocked.Exchange(ref _isLooking, 1) == 1)
        {
            return;
        }

        try
        {
            _lookedAt = time.GetUtcNow();
            foreach ((string bucket, DateTimeOffset until) in await pauses.ReadAsync(endpoint, cancellationToken))
            {
                Hold(bucket, until);
            }
        }
        finally
        {
            Volatile.Write(ref _isLooking, 0);
        }
    }

    /// <summary>Whether this is news.</summary>
    private bool Hold(string bucket, DateTimeOffset until)
    {
        DateTimeOffset known = _heldUntil.GetValueOrDefault(bucket);
        _heldUntil.AddOrUpdate(bucket, until, (_, earlier) => until > earlier ? until : earlier);

        // Many requests meet the same limit at once; a second of difference is not worth telling.
        return until - known > TimeSpan.FromSeconds(1);
    }

    private bool IsHub(Uri target) => target.Authority == endpoint.Authority;

    /// <summary>Limits of another host (a CDN) are its own.</summary>
    private string BucketOf(Uri target) => !IsHub(target) ? target.Authority
        : target.AbsolutePath.Contains("/resolve/", StringComparison.Ordinal) ? Resolvers
        : Api;

    private TimeSpan? RetryAfter(HttpResponseMessage response) => response.Headers.RetryAfter switch
    {
        { Delta: { } delta } => delta,
        { Date: { } date } when date > time.GetUtcNow() => date - time.GetUtcNow(),
        { Date: not null } => TimeSpan.Zero,
        _ => null,
    };

    private static (int? Left, TimeSpan? Reset) Read(HttpResponseMessage response)
    {
        if (!response.Headers.TryGetValues("RateLimit", out IEnumerable<string>? values))
        {
            return (null, null);
        }

        string[] parts = [.. values.SelectMany(value => value.Split(',')[0].Split(';')).Select(part => part.Trim())];
        return (Number("r="), Number("t=") is { } seconds ? TimeSpan.FromSeconds(seconds) : null);

        int? Number(string name) =>
            parts.FirstOrDefault(part => part.StartsWith(name, StringComparison.Ordinal)) is { } part
            && int.TryParse(part.AsSpan(name.Length), NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : null;
    }
}
