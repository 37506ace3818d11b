using System.Diagnostics.Metrics;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using AiModels.ApiMachinery.Http;
using AiModels.Hosting.Certificates;
using AiModels.TestKit;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;

namespace AiModels.ApiServer.Tests.ApiMachinery.Http;

/// <summary>Which connections count as failed handshakes.</summary>
[TestClass]
public sealed class HandshakeErrorsTests
{
    public required TestContext TestContext { get; set; }

    [TestMethod]
    [Timeout(120_000, CooperativeCancellation = true)]
    public async Task H4_HandshakeErrors_AreConnectionsThatNeverSpokeTls()
    {
        using CertificateAuthority authority = CertificateAuthority.Create("serving", TimeProvider.System);
        X509Certificate2 serving = authority.Issue(new CertificateRequestOptions("localhost") { Hosts = ["127.0.0.1"], ForServer = true });
        await using WidgetServer server = await WidgetServer.StartAsync(
            kestrel: kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen => listen.CountHandshakeErrors(tls => tls.UseHttps(serving))));
        long errors = 0;
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, self) =>
            {
                if (instrument.Name == "apiserver_tls_handshake_errors_total" && instrument.Meter.Scope == server.Services.GetRequiredService<IMeterFactory>())
                {
                    self.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<long>((_, count, _, _) => Interlocked.Add(ref errors, count));
        listener.Start();
        using var handler = new SocketsHttpHandler();
        handler.SslOptions.CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        handler.SslOptions.CertificateChainPolicy.CustomTrustStore.Add(authority.Certificate);
        using (var client = new HttpClient(handler))
        {
            Assert.AreEqual("ok", await client.GetStringAsync(new Uri(server.Address, "/livez"), TestContext.CancellationToken));
        }

        await ConnectAsync(server.Address.Port, "GET / HTTP/1.1\r\n\r\n"u8.ToArray());
        await Eventually.GetAsync(() => Task.FromResult(Interlocked.Read(ref errors)), count => count == 1, "plain HTTP is no handshake", TestContext.CancellationToken);
        await ConnectAsync(server.Address.Port, []);
        await Eventually.GetAsync(() => Task.FromResult(Interlocked.Read(ref errors)), count => count == 2, "nor is a connection that is closed again", TestContext.CancellationToken);
    }

    private async Task ConnectAsync(int port, byte[] sent)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(IPAddress.Loopback, port, TestContext.CancellationToken);
        await socket.SendAsync(sent, TestContext.CancellationToken);
        socket.Shutdown(SocketShutdown.Send);
        try
        {
            while (await socket.ReceiveAsync(new byte[1024], TestContext.CancellationToken) > 0)
            {
            }
        }
        catch (SocketException)
        {
            // Reset or closed: either ends it.
        }
    }
}
