using System.Runtime.CompilerServices;
using AiModels.ApiMachinery.Storage;
using AiModels.EtcdStore.Protos;
using AiModels.Hosting.Grpc;

namespace AiModels.EtcdStore;

/// <summary>One open watch stream with one watcher in it.</summary>
internal sealed class EtcdWatch(GrpcDuplexCall<WatchRequest, WatchResponse> call, Action<string> ended) : IAsyncDisposable
{
    /// <summary>
    /// Responses in order. The last one may carry a compact_revision: the history asked for is gone. Every other end is a
    /// <see cref="StoreUnavailableException"/>.
    /// </summary>
    public async IAsyncEnumerable<WatchResponse> ReadAllAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using IAsyncEnumerator<WatchResponse> responses = call.ReadAllAsync(cancellationToken).GetAsyncEnumerator(cancellationToken);
        while (await NextAsync(responses))
        {
            WatchResponse response = responses.Current;
            if (response.Canceled && response.CompactRevision == 0)
            {
                ended(response.CancelReason);
                throw new StoreUnavailableException($"etcd ended a watch: {response.CancelReason}");
            }

            yield return response;
            if (response.Canceled)
            {
                yield break;
            }
        }

        ended("");
        throw new StoreUnavailableException("etcd ended a watch");
    }

    /// <summary>Asks how far the stream is. The answer is a response without events.</summary>
    public Task RequestProgressAsync(CancellationToken cancellationToken) =>
        call.WriteAsync(new WatchRequest { ProgressRequest = new WatchProgressRequest() }, cancellationToken);

    public ValueTask DisposeAsync() => call.DisposeAsync();

    private async Task<bool> NextAsync(IAsyncEnumerator<WatchResponse> responses)
    {
        try
        {
            return await responses.MoveNextAsync();
        }
        catch (RpcException error)
        {
            ended(error.Message);
            throw EtcdErrors.ToStoreError(error);
        }
    }
}
