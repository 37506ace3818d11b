namespace AiModels.EtcdStore;

/// <summary>
/// What every call says beside its message: the token, and that a member without a leader must not answer: it would keep a watch open
/// that gets nothing.
/// </summary>
internal sealed class EtcdMetadata(EtcdTokens tokens, HttpMessageHandler connection) : DelegatingHandler(connection)
{
    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        request.Headers.TryAddWithoutValidation("hasleader", "true");
        if (tokens.Current is { } token)
        {
            request.Headers.TryAddWithoutValidation("token", token);
        }

        return base.SendAsync(request, cancellationToken);
    }
}
