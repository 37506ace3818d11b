namespace AiModels.Hosting.Kubernetes;

/// <summary>
/// A server that cannot be reached is a failed request, however it cannot be reached. SocketsHttpHandler tells a connection that took too long as a cancellation that nobody asked
/// for; callers take that for their own end, and a background service for its death.
/// </summary>
internal sealed class UnreachableServer : DelegatingHandler
{
    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        try
        {
            return await base.SendAsync(request, cancellationToken);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new HttpRequestException(HttpRequestError.ConnectionError, $"{e.InnerException?.Message ?? e.Message} ({request.RequestUri?.Authority})", e);
        }
    }
}
