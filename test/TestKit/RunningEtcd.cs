using System.Diagnostics;
using System.Net.Sockets;

namespace AiModels.TestKit;

/// <summary>
/// A real etcd cluster of one or more members on free ports of loopback, with its data in a temporary folder. Members can be killed and started again.
/// Needs Debian's etcd-server (hack/setup.sh installs it).
/// </summary>
public sealed class RunningEtcd : IAsyncDisposable
{
    private readonly TempFolder _folder = new();
    private readonly Process?[] _members;
    private readonly int _firstPort;
    private readonly string[] _arguments;

    private RunningEtcd(int members, bool isTls, string[] arguments)
    {
        (_members, _arguments) = (new Process?[members], arguments);
        _firstPort = FreePorts.Block(2 * members);
        Servers = [.. Enumerable.Range(0, members).Select(i => new Uri($"{(isTls ? "https" : "http")}://127.0.0.1:{_firstPort + (2 * i)}"))];
    }

    /// <summary>Client URLs, one for each member.</summary>
    public IReadOnlyList<Uri> Servers { get; }

    /// <summary>The data folder of a member: to be copied or replaced while it does not run.</summary>
    public string DataOf(int member) => _folder[$"m{member}"];

    /// <summary>Starts a cluster and waits until it listens.</summary>
    /// <param name="arguments">More options of etcd; with --cert-file clients come over TLS.</param>
    public static async Task<RunningEtcd> StartAsync(int members = 1, CancellationToken cancellationToken = default, params string[] arguments)
    {
        var etcd = new RunningEtcd(members, arguments.Any(argument => argument.StartsWith("--cert-file", StringComparison.Ordinal)), arguments);
        try
        {
            await Task.WhenAll(Enumerable.Range(0, members).Select(i => etcd.StartMemberAsync(i, cancellationToken)));
            return etcd;
        }
        catch
        {
            await etcd.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts a member that is not running, with the data it had.</summary>
    public async Task StartMemberAsync(int member, CancellationToken cancellationToken)
    {
        string peers = string.Join(',', Enumerable.Range(0, _members.Length).Select(i => $"m{i}={Peer(i)}"));
        string url = Servers[member].ToString().TrimEnd('/');
        Process process = Process.Start(new ProcessStartInfo("etcd",
        [
            "--name", $"m{member}", "--data-dir", DataOf(member), "--listen-client-urls", url, "--advertise-client-urls", url,
            "--listen-peer-urls", Peer(member), "--initial-advertise-peer-urls", Peer(member), "--initial-cluster", peers,
            "--max-request-bytes", "8388608", // objects of the contract suite have up to 3 MB
            .. _arguments,
        ])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;

        // Its log is read away: a full pipe would stop it.
        process.OutputDataReceived += static (_, _) => { };
        process.ErrorDataReceived += static (_, _) => { };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        _members[member] = process;
        await Eventually.GetAsync(() => ListensAsync(Servers[member].Port), listens => listens || process.HasExited, "etcd listens", cancellationToken);
        if (process.HasExited)
        {
            throw new InvalidOperationException($"etcd ended with exit code {process.ExitCode}");
        }
    }

    /// <summary>kill -9.</summary>
    public async Task KillMemberAsync(int member)
    {
        if (Interlocked.Exchange(ref _members[member], null) is { } process)
        {
            process.Kill();
            await process.WaitForExitAsync();
            process.Dispose();
        }
    }

    /// <summary>Which member leads now; waits for an election to end.</summary>
    public async Task<int> LeaderAsync(CancellationToken cancellationToken) => await Eventually.GetAsync(
        async () =>
        {
            for (int i = 0; i < _members.Length; i++)
            {
                if (_members[i] is not null && (await EtcdctlAsync(i, ["endpoint", "status", "-w", "json"], cancellationToken)).Replace(" ", "", StringComparison.Ordinal) is { Length: > 0 } status
                    && Number(status, "\"leader\":") is > 0 and var leader && leader == Number(status, "\"member_id\":"))
                {
                    return i;
                }
            }

            return -1;
        },
        member => member >= 0, "a leader", cancellationToken);

    /// <summary>Runs etcdctl against one member. Answers what it printed; empty when it failed.</summary>
    public async Task<string> EtcdctlAsync(int member, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        using Process process = Process.Start(new ProcessStartInfo("etcdctl", ["--endpoints", Servers[member].ToString(), .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment = { ["ETCDCTL_API"] = "3" },
        })!;
        Task<string> errors = process.StandardError.ReadToEndAsync(cancellationToken);
        string output = await process.StandardOutput.ReadToEndAsync(cancellationToken);
        await errors;
        await process.WaitForExitAsync(cancellationToken);
        return process.ExitCode == 0 ? output : "";
    }

    public async ValueTask DisposeAsync()
    {
        for (int i = 0; i < _members.Length; i++)
        {
            await KillMemberAsync(i);
        }

        _folder.Dispose();
    }

    private static ulong Number(string json, string name)
    {
        int at = json.IndexOf(name, StringComparison.Ordinal);
        if (at < 0)
        {
            return 0;
        }

        at += name.Length;
        int end = at;
        while (end < json.Length && char.IsAsciiDigit(json[end]))
        {
            end++;
        }

        return ulong.Parse(json.AsSpan(at, end - at));
    }

    private static async Task<bool> ListensAsync(int port)
    {
        try
        {
            using var client = new TcpClient();
            await client.ConnectAsync("127.0.0.1", port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private string Peer(int member) => $"http://127.0.0.1:{_firstPort + (2 * member) + 1}";
}
