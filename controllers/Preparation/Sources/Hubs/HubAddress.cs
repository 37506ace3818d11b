using System.Net;
using System.Net.Http.Headers;

namespace AiModels.Controllers.Preparation.Sources.Hubs;

/// <summary>
/// Where a file's bytes are. The hub is asked once; the signed address it redirects to serves all ranges until it is refused (they end after an hour or so), and
/// then the hub is asked again. Each question costs one of the few that a hub's rate limit allows. Thread-safe.
/// </summary>
/// <param name="start">The file at the hub.</param>
/// <param name="access">Its token is for the hub alone.</param>
/// <param name="explain">What an answer that is no data means, as an error for the user.</param>
internal sealed class HubAddress(HubTransport transport, Uri start, HubAccess access, Func<HttpResponseMessage, CancellationToken, Task<HubException>> explain) : IDisposable
{
    private readonly SemaphoreSlim _asking = new(1);
    private Uri? _signed;

    /// <summary>The bytes from <paramref name="offset"/> to <paramref name="end"/> (exclusive): 206 is the range, 200 the whole file.</summary>
    public async Task<HttpResponseMessage> OpenAsync(long offset, long end, CancellationToken cancellationToken)
    {
        var range = new RangeHeaderValue(offset, end - 1);
        Uri? refused = null;
        if (Volatile.Read(ref _signed) is { } known)
        {
            if (await TryAsync(known, range, cancellationToken) is { } response)
            {
                return response;
            }

            refused = known;
        }

        await _asking.WaitAsync(cancellationToken);
        try
        {
            // Somebody else may have been told a new address meanwhile.
            if (Volatile.Read(ref _signed) is { } other && other != refused && await TryAsync(other, range, cancellationToken) is { } response)
            {
                return response;
            }

            return await AskAsync(range, cancellationToken);
        }
        finally
        {
            _asking.Release();
        }
    }

    public void Dispose() => _asking.Dispose();

    private async Task<HttpResponseMessage> AskAsync(RangeHeaderValue range, CancellationToken cancellationToken)
    {
        HttpResponseMessage response = await transport.GetAsync(start, access, range, accept: null, cancellationToken);
        if (IsData(response))
        {
            Volatile.Write(ref _signed, response.RequestMessage!.RequestUri);
            return response;
        }

        Volatile.Write(ref _signed, null);
        using (response)
        {
            throw await explain(response, cancellationToken);
        }
    }

    /// <summary>Null when the address is not valid any more. A server that is overloaded is no reason to ask for another address.</summary>
    private async Task<HttpResponseMessage?> TryAsync(Uri address, RangeHeaderValue range, CancellationToken cancellationToken)
    {
        HttpResponseMessage response = await transport.GetAsync(address, access, range, accept: null, cancellationToken);
        if (IsData(response))
        {
            return response;
        }

        using (response)
        {
            bool isOver = response.StatusCode is HttpStatusCode.BadRequest or HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden or HttpStatusCode.NotFound or HttpStatusCode.Gone;
            return isOver ? null : throw await explain(response, cancellationToken);
        }
    }

    private static bool IsData(HttpResponseMessage response) => response.StatusCode is HttpStatusCode.OK or HttpStatusCode.PartialContent;
}
