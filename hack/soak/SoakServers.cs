using AiModels.TestKit;

namespace AiModels.Soak;

/// <summary>The servers under test, and their kills.</summary>
internal sealed class SoakServers : IAsyncDisposable
{
    private readonly TempFolder _folder = new();
    private readonly Random _random = new(4711);
    private readonly RunningEtcd? _etcd;
    private readonly int _members;

    private SoakServers(RunningEtcd? etcd, int members) => (_etcd, _members) = (etcd, members);

    public List<RunningReplica> Replicas { get; } = [];

    public int Kills { get; private set; }

    public int LeaderKills { get; private set; }

    public static async Task<SoakServers> StartAsync(SoakOptions options, CancellationToken cancellationToken)
    {
        bool isEtcd = options.Storage == "etcd";
        var servers = new SoakServers(isEtcd ? await RunningEtcd.StartAsync(options.Members, cancellationToken) : null, options.Members);
        try
        {
            // No upload is made, so nobody will look for the registry.
            List<string> arguments = ["--storage", options.Storage, "--registry", "http://127.0.0.1:1"];
            if (servers._etcd is { } etcd)
            {
                arguments.AddRange(["--etcd-servers", string.Join(',', etcd.Servers)]);
            }

            for (int i = 0; i < (isEtcd ? options.Replicas : 1); i++)
            {
                servers.Replicas.Add(await RunningReplica.StartAsync(servers._folder[$"replica-{i}"], arguments, cancellationToken));
            }

            return servers;
        }
        catch
        {
            await servers.DisposeAsync();
            throw;
        }
    }

    /// <summary>Kills a replica, or etcd's leader, every so often, and starts it again.</summary>
    public async Task KillAsync(TimeSpan interval, CancellationToken until, CancellationToken cancellationToken)
    {
        while (true)
        {
            await Task.Delay(interval, TimeProvider.System, until).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (until.IsCancellationRequested)
            {
                return;
            }

            if (_etcd is not null && _members >= 3 && _random.Next(3) == 0)
            {
                int leader = await _etcd.LeaderAsync(cancellationToken);
                await _etcd.KillMemberAsync(leader);
                LeaderKills++;
                await Task.Delay(interval / 4, TimeProvider.System, cancellationToken);
                await _etcd.StartMemberAsync(leader, cancellationToken);
                continue;
            }

            RunningReplica replica = Replicas[_random.Next(Replicas.Count)];
            await replica.KillAsync();
            Kills++;
            await replica.StartAgainAsync(cancellationToken);
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (RunningReplica replica in Replicas)
        {
            await replica.DisposeAsync();
        }

        if (_etcd is not null)
        {
            await _etcd.DisposeAsync();
        }

        _folder.Dispose();
    }
}
