using System.Diagnostics;
using System.Runtime.InteropServices;

namespace AiModels.LocalCluster.Node;

/// <summary>A container that really runs: a child process whose output goes to the container's log.</summary>
internal sealed partial class ContainerProcess : IAsyncDisposable
{
    private const int Terminate = 15;
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(5);

    private readonly Process _process;
    private readonly Task _output;
    private readonly TimeProvider _time;

    private ContainerProcess(Process process, string log, TimeProvider time)
    {
        (_process, _time) = (process, time);
        StartedAt = time.GetUtcNow();
        _output = CopyAsync(log);
        Exited = WaitAsync();
    }

    public DateTimeOffset StartedAt { get; }
    public DateTimeOffset? FinishedAt { get; private set; }

    /// <summary>The exit code, once the process ended.</summary>
    public int? ExitCode { get; private set; }
    public Task Exited { get; }

    public static ContainerProcess Start(string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string> environment, string log, TimeProvider time)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        // A container sees its own variables and nothing of ours, but where the runtime is.
        foreach (string name in start.Environment.Keys.Where(k => k is not ("PATH" or "HOME" or "DOTNET_ROOT" or "TMPDIR" or "LANG")).ToList()) start.Environment.Remove(name);
        foreach ((string name, string value) in environment) start.Environment[name] = value;
        var process = new Process { StartInfo = start };
        process.Start();
        process.StandardInput.Close();
        return new ContainerProcess(process, log, time);
    }

    /// <summary>SIGTERM, then SIGKILL.</summary>
    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            Kill(_process.Id, Terminate);
            await Exited.WaitAsync(Grace, _time).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (!_process.HasExited) _process.Kill(entireProcessTree: true);
        }

        await Exited;
        _process.Dispose();
    }

    private async Task WaitAsync()
    {
        await _process.WaitForExitAsync();
        await _output;
        (ExitCode, FinishedAt) = (_process.ExitCode, _time.GetUtcNow());
    }

    private async Task CopyAsync(string log)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(log)!);
        await using var file = new FileStream(log, FileMode.Append, FileAccess.Write, FileShare.ReadWrite);
        using var turn = new SemaphoreSlim(1);
        async Task Pump(Stream stream)
        {
            byte[] buffer = new byte[8192];
            int read;
            while ((read = await stream.ReadAsync(buffer)) > 0)
            {
                await turn.WaitAsync();
                await file.WriteAsync(buffer.AsMemory(0, read));
                await file.FlushAsync();
                turn.Release();
            }
        }

        await Task.WhenAll(Pump(_process.StandardOutput.BaseStream), Pump(_process.StandardError.BaseStream));
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Kill(int process, int signal);
}
