using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Storage;
using AiModels.ApiServer.Progress;
using AiModels.Contracts.V1Alpha1;

namespace AiModels.ApiServer.Replicas;

/// <summary>
/// Tells the other replicas what was reported here, so that each of them serves the whole of live progress from its own memory. Reports within an interval
/// are sent together, the newest of each model; one that does not arrive is not repeated: the next comes a second later.
/// </summary>
internal sealed partial class ProgressExchange(
    ProgressBoard board, ReplicaDirectory directory, PeerSecret secret, TimeProvider time, ILogger<ProgressExchange> log) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);
    private readonly Lock _lock = new();
    private readonly Dictionary<string, (HttpClient Client, string Certificate)> _clients = new(StringComparer.Ordinal);
    private Dictionary<string, ModelProgress> _pending = new(StringComparer.Ordinal);

    public override void Dispose()
    {
        base.Dispose();
        foreach ((HttpClient client, _) in _clients.Values)
        {
            client.Dispose();
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        board.Reported += Add;
        try
        {
            using var ticks = new PeriodicTimer(Interval, time);
            while (await ticks.WaitForNextTickAsync(stoppingToken))
            {
                if (Take() is { Count: > 0 } reports)
                {
                    await SendAsync(reports, stoppingToken);
                }
            }
        }
        finally
        {
            board.Reported -= Add;
        }
    }

    private void Add(string uid, ModelProgress report)
    {
        lock (_lock)
        {
            _pending[uid] = _pending.TryGetValue(uid, out ModelProgress? earlier) ? Both(earlier, report) : report;
        }
    }

    private Dictionary<string, ModelProgress> Take()
    {
        lock (_lock)
        {
            Dictionary<string, ModelProgress> taken = _pending;
            _pending = new Dictionary<string, ModelProgress>(StringComparer.Ordinal);
            return taken;
        }
    }

    // The newer report, and whoever reported for himself alone before it.
    private static ModelProgress Both(ModelProgress earlier, ModelProgress later)
    {
        ModelProgress preparation = later.Stage is null && later.BytesReceived is null && later.Layers is null ? earlier : later;
        ConsumerProgress[] consumers =
            [.. (later.Consumers ?? []).Concat(earlier.Consumers ?? []).DistinctBy(consumer => consumer.Name, StringComparer.Ordinal)];
        return preparation with { Consumers = consumers.Length > 0 ? consumers : null };
    }

    private async Task SendAsync(Dictionary<string, ModelProgress> reports, CancellationToken cancellationToken)
    {
        var document = new JsonObject(reports.Select(report => KeyValuePair.Create(report.Key, JsonSerializer.SerializeToNode(report.Value, ContractsJson.Options))));
        byte[] body = Encoding.UTF8.GetBytes(document.ToJsonString());
        IReadOnlyList<ReplicaRecord> others = directory.Others;
        Forget(others);
        try
        {
            string token = await secret.TokenAsync(cancellationToken);
            await Task.WhenAll(others.Select(other => SendAsync(other, ClientOf(other), token, body, cancellationToken)));
        }
        catch (StoreUnavailableException away)
        {
            Log.NotSent(log, "the other replicas", away.Message);
        }
    }

    private async Task SendAsync(ReplicaRecord other, HttpClient client, string token, byte[] body, CancellationToken cancellationToken)
    {
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeout.CancelAfter(Patience);
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, PeerEndpoint.ProgressPath)
            {
                Version = new Version(2, 0),
                Content = new ByteArrayContent(body) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } },
                Headers = { Authorization = new AuthenticationHeaderValue("Bearer", token) },
            };
            using HttpResponseMessage response = await client.SendAsync(request, timeout.Token);
            response.EnsureSuccessStatusCode();
        }
        catch (Exception failure) when (failure is HttpRequestException or OperationCanceledException && !cancellationToken.IsCancellationRequested)
        {
            Log.NotSent(log, other.Url, failure.Message);
        }
    }

    // Called by one loop only.
    private HttpClient ClientOf(ReplicaRecord other)
    {
        if (_clients.TryGetValue(other.Id, out (HttpClient Client, string Certificate) found))
        {
            if (found.Certificate == other.Certificate)
            {
                return found.Client;
            }

            found.Client.Dispose();
        }

        var client = new HttpClient(new SocketsHttpHandler
        {
            SslOptions = { RemoteCertificateValidationCallback = (_, shown, _, _) => IsThat(shown, other.Certificate) },
        })
        {
            BaseAddress = new Uri(other.Url),
        };
        _clients[other.Id] = (client, other.Certificate);
        return client;
    }

    private void Forget(IReadOnlyList<ReplicaRecord> others)
    {
        foreach (string gone in _clients.Keys.Except(others.Select(other => other.Id)).ToArray())
        {
            _clients.Remove(gone, out (HttpClient Client, string Certificate) forgotten);
            forgotten.Client.Dispose();
        }
    }

    private static bool IsThat(X509Certificate? shown, string hash) => shown?.GetCertHashString(HashAlgorithmName.SHA256) == hash;

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Debug, "Progress was not passed on to {Replica}: {Reason}")]
        public static partial void NotSent(ILogger log, string replica, string reason);
    }
}
