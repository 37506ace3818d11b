using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace AiModels.Registry.Tests.Server;

/// <summary>The real program as a process of its own, so that it can be killed.</summary>
internal sealed class RegistryProcess : IDisposable
{
    private readonly Process _process;

    private RegistryProcess(Process process, string address)
    {
        _process = process;
        Address = address;
        Http = new HttpClient { BaseAddress = new Uri(address), Timeout = TimeSpan.FromMinutes(2) };
    }

    public string Address { get; }

    public HttpClient Http { get; }

    /// <summary>Starts it and returns when it answers.</summary>
    /// <param name="storage">A folder, or the <c>s3:BUCKET</c> that the options belong to.</param>
    public static async Task<RegistryProcess> StartAsync(string storage, CancellationToken cancellationToken, params string[] options)
    {
        string address = $"http://127.0.0.1:{FreePort()}";
        var start = new ProcessStartInfo("dotnet") { RedirectStandardError = true };
        foreach (string argument in (string[])[Path.Combine(AppContext.BaseDirectory, "registry.dll"), "serve", "--listen", address, "--storage", storage.StartsWith("s3:", StringComparison.Ordinal) ? storage : "folder:" + storage, .. options])
        {
            start.ArgumentList.Add(argument);
        }

        var registry = new RegistryProcess(Process.Start(start)!, address);
        while (!cancellationToken.IsCancellationRequested)
        {
            try
            {
                using HttpResponseMessage response = await registry.Http.GetAsync("/livez", cancellationToken);
                return registry;
            }
            catch (HttpRequestException) when (!registry._process.HasExited)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, cancellationToken);
            }
        }

        throw new OperationCanceledException(cancellationToken);
    }

    /// <summary>SIGKILL: no destructor, no flush.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            _process.WaitForExit();
        }

        _process.Dispose();
        Http.Dispose();
    }

    private static int FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }
}
