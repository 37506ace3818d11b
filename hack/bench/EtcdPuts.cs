using System.Diagnostics;
using AiModels.EtcdStore.Protos;
using AiModels.Hosting.Grpc;
using Google.Protobuf;

namespace AiModels.Bench;

/// <summary>Puts of new keys straight into etcd over gRPC, each durable when it is answered: what creating objects cannot be faster than.</summary>
internal static class EtcdPuts
{
    // Connections that the clients share; more of them are not faster.
    private const int Connections = 4;

    private static readonly GrpcMethod<PutRequest, PutResponse> Put = new("etcdserverpb.KV", "Put", PutRequest.Parser, PutResponse.Parser);

    /// <summary>Puts a second.</summary>
    public static async Task<double> RunAsync(Uri server, int clients, int seconds, int bytes, CancellationToken cancellationToken)
    {
        GrpcChannel[] channels = [.. Enumerable.Range(0, Connections).Select(_ => GrpcChannel.ForAddress(server, TimeProvider.System))];
        ByteString value = UnsafeByteOperations.UnsafeWrap(new byte[bytes]);
        string run = Guid.NewGuid().ToString("N");
        long count = 0, start = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, clients).Select(i => Task.Run(() => PutAsync(channels[i % Connections], $"/bench/{run}/{i}/"), cancellationToken)));
        double rate = count / Stopwatch.GetElapsedTime(start).TotalSeconds;
        Array.ForEach(channels, channel => channel.Dispose());
        return rate;

        async Task PutAsync(GrpcChannel channel, string prefix)
        {
            for (int i = 0; Stopwatch.GetElapsedTime(start).TotalSeconds < seconds; i++)
            {
                await channel.CallAsync(Put, new PutRequest { Key = ByteString.CopyFromUtf8(prefix + i), Value = value }, TimeSpan.FromSeconds(60), cancellationToken);
                Interlocked.Increment(ref count);
            }
        }
    }
}
