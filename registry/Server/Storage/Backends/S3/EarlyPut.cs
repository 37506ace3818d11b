namespace AiModels.Registry.Storage.Backends.S3;

/// <summary>
/// A put that is on its way while its bytes still arrive, so that a push takes as long as its slower half and not as both. It is one attempt and owes nobody
/// success: the bytes stay in memory, and where it fails they are put as if it had not been made, with all the patience of <see cref="S3Connection"/>.
/// </summary>
internal sealed class EarlyPut : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _sending;

    /// <param name="content">Follows what arrives (<see cref="PartBuffer.OpenFollower"/>): the object appears when that was sealed, not before.</param>
    public EarlyPut(S3Objects objects, string key, Stream content) => _sending = Task.Run(() => objects.TryPutAsync(key, content, _stop.Token));

    /// <summary>Whether the server took it. All bytes are there when this is called.</summary>
    public async Task<bool> EndsWellAsync(TimeSpan patience, CancellationToken cancellationToken)
    {
        await _sending.WaitAsync(patience, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        cancellationToken.ThrowIfCancellationRequested();
        return _sending.IsCompletedSuccessfully;
    }

    /// <summary>Gives up what is not done. Nobody reads the bytes any more afterwards.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _sending.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stop.Dispose();
    }
}
