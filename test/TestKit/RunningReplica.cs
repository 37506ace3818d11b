using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.Http.Headers;
using System.Security.Cryptography.X509Certificates;
using AiModels.Hosting.Certificates;

namespace AiModels.TestKit;

/// <summary>The real apiserver as a process of its own on a free port of loopback. It can be killed and started again with the same data.</summary>
public sealed class RunningReplica : IAsyncDisposable
{
    /// <summary>Token of a user who may do everything.</summary>
    public const string AdminToken = "admin-token";

    private readonly string[] _arguments;
    private readonly X509Certificate2 _authority;
    private readonly ConcurrentQueue<string> _log = new();
    private Process? _process;

    private RunningReplica(int port, string[] arguments, X509Certificate2 authority)
    {
        (_arguments, _authority) = (arguments, authority);
        Url = new Uri($"https://127.0.0.1:{port}");
    }

    public Uri Url { get; }

    /// <summary>The last lines that it logged.</summary>
    public string Log => string.Join('\n', _log);

    /// <summary>Whether the process is there.</summary>
    public bool IsRunning => _process is { HasExited: false };

    /// <summary>Starts a replica and waits until it is ready.</summary>
    /// <param name="folder">For its data and certificate; the authority that replicas of one test share is one folder up.</param>
    /// <param name="arguments">More options, --storage and --registry among them.</param>
    public static async Task<RunningReplica> StartAsync(string folder, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        CertificateAuthority authority = CertificateAuthority.LoadOrCreate(Path.GetDirectoryName(folder)!, "replica-ca", TimeProvider.System);
        Directory.CreateDirectory(folder);
        (string certificate, string key) = authority.LoadOrIssue(
            folder, "serving", new CertificateRequestOptions("localhost") { Hosts = ["127.0.0.1", "localhost"], ForServer = true });
        string tokens = Path.Combine(folder, "tokens");
        await File.WriteAllTextAsync(tokens, $"{AdminToken},admin,1,\"system:masters\"\n", cancellationToken);
        int port = FreePorts.Block(1);
        var replica = new RunningReplica(port,
        [
            "--bind-address", "127.0.0.1", "--secure-port", $"{port}", "--data-dir", Path.Combine(folder, "data"), "--token-auth-file", tokens,
            "--tls-cert-file", certificate, "--tls-private-key-file", key, .. arguments,
        ], authority.Certificate);
        try
        {
            await replica.StartAgainAsync(cancellationToken);
            return replica;
        }
        catch
        {
            await replica.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts it after it was killed, and waits until it is ready.</summary>
    public async Task StartAgainAsync(CancellationToken cancellationToken)
    {
        Launch();
        using HttpClient client = Client();
        await Eventually.GetAsync(() => IsReadyAsync(client, cancellationToken), ready => ready || !IsRunning, "the replica is ready", cancellationToken, seconds: 120);
        if (!IsRunning)
        {
            throw new InvalidOperationException($"apiserver ended by itself:\n{Log}");
        }
    }

    /// <summary>Starts the process and waits for nothing.</summary>
    public void Launch()
    {
        var start = new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "apiserver"), _arguments)
        {
            RedirectStandardError = true,
            Environment = { ["AIMODELS_LOG_LEVEL"] = "Warning" },
        };
        Process process = Process.Start(start)!;
        process.ErrorDataReceived += (_, line) =>
        {
            _log.Enqueue(line.Data ?? "");
            if (_log.Count > 100)
            {
                _log.TryDequeue(out string? _);
            }
        };
        process.BeginErrorReadLine();
        _process = process;
    }

    /// <summary>kill -9.</summary>
    public async Task KillAsync()
    {
        if (Interlocked.Exchange(ref _process, null) is { } process)
        {
            process.Kill();
            await process.WaitForExitAsync();
            process.Dispose();
        }
    }

    /// <summary>A client that trusts the replica and bears a token. Each has connections of its own.</summary>
    public HttpClient Client(string token = AdminToken, Version? version = null)
    {
        var trust = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        trust.CustomTrustStore.Add(_authority);
        return new HttpClient(new SocketsHttpHandler { SslOptions = { CertificateChainPolicy = trust }, Expect100ContinueTimeout = TimeSpan.FromSeconds(10) })
        {
            BaseAddress = Url,
            DefaultRequestHeaders = { Authorization = new AuthenticationHeaderValue("Bearer", token) },
            DefaultRequestVersion = version ?? new Version(2, 0),
            Timeout = TimeSpan.FromSeconds(100),
        };
    }

    public async ValueTask DisposeAsync() => await KillAsync();

    private static async Task<bool> IsReadyAsync(HttpClient client, CancellationToken cancellationToken)
    {
        try
        {
            using HttpResponseMessage response = await client.GetAsync("/readyz", cancellationToken);
            return response.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }
}
