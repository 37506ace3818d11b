using System.Diagnostics;
using System.Globalization;
using Microsoft.AspNetCore.Http;

namespace AiModels.TestKit.FakeHuggingFace;

/// <summary>One of the hub's rate limits: a fixed window, told with every answer (draft-ietf-httpapi-ratelimit-headers).</summary>
/// <param name="name">api or resolvers.</param>
public sealed class FakeRateLimit(string name, int quota)
{
    private readonly Lock _lock = new();
    private long _windowStart = Stopwatch.GetTimestamp();
    private int _used;

    /// <summary>Requests a window.</summary>
    public int Quota { get; set; } = quota;

    public TimeSpan Window { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>Requests that were refused.</summary>
    public int Refused { get; private set; }

    /// <summary>Counts a request and writes the headers; false when it is to be refused.</summary>
    internal bool Take(HttpResponse response)
    {
        lock (_lock)
        {
            TimeSpan passed = Stopwatch.GetElapsedTime(_windowStart);
            if (passed >= Window)
            {
                (_windowStart, _used, passed) = (Stopwatch.GetTimestamp(), 0, TimeSpan.Zero);
            }

            bool isAllowed = _used < Quota;
            _used += isAllowed ? 1 : 0;
            Refused += isAllowed ? 0 : 1;
            int reset = (int)(Window - passed).TotalSeconds;
            response.Headers["RateLimit"] = string.Create(CultureInfo.InvariantCulture, $"\"{name}\";r={Quota - _used};t={reset}");
            response.Headers["RateLimit-Policy"] = string.Create(CultureInfo.InvariantCulture, $"\"fixed window\";\"{name}\";q={Quota};w={(int)Window.TotalSeconds}");
            return isAllowed;
        }
    }
}
