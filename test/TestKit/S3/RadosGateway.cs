using System.Diagnostics;

namespace AiModels.TestKit.S3;

/// <summary>A real S3 server (Ceph's radosgw) on loopback, by <c>hack/radosgw.sh</c>. It ends with this process, however that ends, and its data with it.</summary>
public sealed class RadosGateway : IAsyncDisposable
{
    private static readonly string[] Programs = ["ceph-mon", "ceph-osd", "radosgw", "radosgw-admin", "ceph"];

    private readonly Process _script;
    private readonly string _data;
    private int _buckets;

    private RadosGateway(Process script, string address, string data)
    {
        _script = script;
        _data = data;
        Endpoint = new Uri(address);
    }

    public Uri Endpoint { get; }

    /// <summary>Folder with accessKey and secretKey of a user without limits.</summary>
    public string Credentials => Path.Combine(_data, "main");

    /// <summary>Another key of the same user.</summary>
    public string SecondCredentials => Path.Combine(_data, "second");

    /// <summary>Those of a user whose buckets take 4 MiB.</summary>
    public string LimitedCredentials => Path.Combine(_data, "full");

    /// <summary>Why it cannot be started here, or null.</summary>
    public static string? FindObstacle()
    {
        string[] folders = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':');
        string[] missing = [.. Programs.Where(program => !folders.Any(folder => File.Exists(Path.Combine(folder, program))))];
        return missing.Length == 0 ? null : $"{string.Join(", ", missing)} not installed (hack/setup.sh installs Debian's ceph-mon, ceph-osd, radosgw and ceph-common as root)";
    }

    public static async Task<RadosGateway> StartAsync(CancellationToken cancellationToken)
    {
        // Somebody may take a port between looking and using it.
        for (int attempt = 1; ; attempt++)
        {
            var start = new ProcessStartInfo(Path.Combine(FindRoot(), "hack/radosgw.sh"), ["--port", $"{FreePorts.Block(40)}"]) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
            Process script = Process.Start(start)!;
            Task<string> errors = script.StandardError.ReadToEndAsync(CancellationToken.None);
            string? line = await script.StandardOutput.ReadLineAsync(cancellationToken);
            if (line?.Split(' ') is ["ready", var address, var data])
            {
                return new RadosGateway(script, address, data);
            }

            script.StandardInput.Close();
            script.Dispose();
            if (attempt == 3)
            {
                throw new InvalidOperationException($"radosgw did not start: {await errors}");
            }
        }
    }

    /// <summary>Makes a bucket. Returns its name.</summary>
    public async Task<string> CreateBucketAsync(CancellationToken cancellationToken, string? credentials = null)
    {
        string folder = credentials ?? Credentials;
        string keys = $"{await ReadAsync("accessKey")}:{await ReadAsync("secretKey")}";
        string bucket = $"bucket-{Interlocked.Increment(ref _buckets)}";
        CommandResult made = await CommandResult.RunAsync(
            "curl",
            ["-sS", "--fail-with-body", "-X", "PUT", "--aws-sigv4", "aws:amz:us-east-1:s3", "--user", keys, "-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD", new Uri(Endpoint, bucket).AbsoluteUri],
            cancellationToken);
        made.Succeeded();
        return bucket;

        Task<string> ReadAsync(string name) => File.ReadAllTextAsync(Path.Combine(folder, name), cancellationToken);
    }

    /// <summary>Runs <c>radosgw-admin</c>.</summary>
    public async Task AdministerAsync(CancellationToken cancellationToken, params string[] arguments) =>
        (await CommandResult.RunAsync("radosgw-admin", ["-c", Path.Combine(_data, "ceph.conf"), .. arguments], cancellationToken)).Succeeded();

    public async ValueTask DisposeAsync()
    {
        _script.StandardInput.Close();
        await _script.WaitForExitAsync();
        _script.Dispose();
    }

    private static string FindRoot()
    {
        string? folder = AppContext.BaseDirectory;
        while (folder is not null && !File.Exists(Path.Combine(folder, "ApiServer.sln")))
        {
            folder = Path.GetDirectoryName(folder);
        }

        return folder ?? throw new DirectoryNotFoundException($"ApiServer.sln is not above {AppContext.BaseDirectory}");
    }
}
