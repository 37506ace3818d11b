using AiModels.ApiMachinery.Storage;
using AiModels.EtcdStore.Protos;
using AiModels.Hosting.Grpc;
using Google.Protobuf;

namespace AiModels.EtcdStore;

/// <summary>
/// Calls to a cluster of etcd members. One member is used as long as it answers; a call that it fails goes to the next one when that can do no harm:
/// a read always, a write only when it surely was not taken, or when its caller says that sending it again is the same.
/// </summary>
internal sealed class EtcdClient : IDisposable
{
    // A member that does not answer a read within so long is passed over.
    private static readonly TimeSpan AttemptTimeout = TimeSpan.FromSeconds(4);

    // Between two attempts, so that an election is waited for and not hammered.
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    private readonly EtcdEndpoint[] _endpoints;
    private readonly EtcdTokens _tokens;
    private readonly TimeSpan _patience;
    private readonly TimeProvider _time;
    private int _current;

    public EtcdClient(EtcdStoreOptions options, TimeProvider time)
    {
        _time = time;
        _patience = options.Patience;
        _tokens = new EtcdTokens(options);
        _endpoints = [.. options.Servers.Select(server => new EtcdEndpoint(server, options, _tokens, time))];

        // Replicas begin at different members.
        _current = Random.Shared.Next(_endpoints.Length);
    }

    /// <summary>How a call may be repeated.</summary>
    public enum Repeat
    {
        /// <summary>Whenever it failed: it changes nothing, or the same twice is the same once.</summary>
        Always,

        /// <summary>Only when it surely was not taken.</summary>
        WhenNotTaken,
    }

    /// <summary>
    /// One request, one response. Throws <see cref="RpcException"/>: what etcd answered, or Unavailable or DeadlineExceeded when no member did within patience;
    /// for a write it is then unknown whether it was done, unless <see cref="EtcdErrors.WasNotTaken"/>.
    /// </summary>
    public async Task<TResponse> CallAsync<TRequest, TResponse>(
        GrpcMethod<TRequest, TResponse> method, TRequest request, Repeat repeat, CancellationToken cancellationToken)
        where TRequest : IMessage<TRequest>
        where TResponse : IMessage<TResponse> => (await AskAsync(method, request, repeat, cancellationToken)).Response;

    /// <summary>As <see cref="CallAsync"/>, for those who must know whether the request may have been carried out twice.</summary>
    public async Task<EtcdAnswer<TResponse>> AskAsync<TRequest, TResponse>(
        GrpcMethod<TRequest, TResponse> method, TRequest request, Repeat repeat, CancellationToken cancellationToken)
        where TRequest : IMessage<TRequest>
        where TResponse : IMessage<TResponse>
    {
        long started = _time.GetTimestamp();
        bool mayHaveBeenTaken = false;
        while (true)
        {
            int index = Volatile.Read(ref _current);
            GrpcChannel channel = _endpoints[index].Calls;
            TimeSpan left = TimeSpan.FromTicks(Math.Max((_patience - _time.GetElapsedTime(started)).Ticks, Pause.Ticks));
            string? token = null;
            try
            {
                await _tokens.EnsureAsync(channel, AttemptTimeout, cancellationToken);
                token = _tokens.Current;
                TimeSpan timeout = repeat == Repeat.Always && AttemptTimeout < left ? AttemptTimeout : left;
                return new EtcdAnswer<TResponse>(await channel.CallAsync(method, request, timeout, cancellationToken), mayHaveBeenTaken);
            }
            catch (RpcException error) when (_time.GetElapsedTime(started) + Pause < _patience && MayRepeat(error, repeat))
            {
                if (EtcdErrors.WantsNewToken(error.Message))
                {
                    _tokens.Forget(token);
                }
                else
                {
                    mayHaveBeenTaken |= !EtcdErrors.WasNotTaken(error);
                    TurnFrom(index);
                }
            }

            await Task.Delay(Pause, _time, cancellationToken);
        }
    }

    /// <summary>
    /// The responses to one watch: the answer to its creation, then events and progress. A stream that ends, for whatever reason but cancellation,
    /// ends with <see cref="StoreUnavailableException"/>, and the next one goes to another member.
    /// </summary>
    public async Task<EtcdWatch> WatchAsync(WatchCreateRequest create, CancellationToken cancellationToken)
    {
        int index = Volatile.Read(ref _current);
        try
        {
            await _tokens.EnsureAsync(_endpoints[index].Calls, AttemptTimeout, cancellationToken);
            string? token = _tokens.Current;
            GrpcDuplexCall<WatchRequest, WatchResponse> call = _endpoints[index].Watches.OpenDuplex(EtcdMethods.Watch, cancellationToken);
            await call.WriteAsync(new WatchRequest { CreateRequest = create }, cancellationToken);
            return new EtcdWatch(call, reason => OnWatchEnded(index, token, reason));
        }
        catch (RpcException error)
        {
            TurnFrom(index);
            throw EtcdErrors.ToStoreError(error);
        }
    }

    public void Dispose()
    {
        foreach (EtcdEndpoint endpoint in _endpoints)
        {
            endpoint.Dispose();
        }

        _tokens.Dispose();
    }

    private static bool MayRepeat(RpcException error, Repeat repeat) =>
        EtcdErrors.WasNotTaken(error) || EtcdErrors.WantsNewToken(error.Message) || (repeat == Repeat.Always && EtcdErrors.IsPassing(error));

    private void OnWatchEnded(int index, string? token, string reason)
    {
        if (EtcdErrors.WantsNewToken(reason) || reason.Contains("permission denied", StringComparison.Ordinal))
        {
            _tokens.Forget(token);
        }
        else
        {
            TurnFrom(index);
        }
    }

    // Whoever fails first turns; the others find the next member already chosen.
    private void TurnFrom(int index) => Interlocked.CompareExchange(ref _current, (index + 1) % _endpoints.Length, index);
}
