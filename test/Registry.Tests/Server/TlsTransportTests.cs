using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using AiModels.ModelPack.Oci;

namespace AiModels.Registry.Tests.Server;

/// <summary>Connections with TLS, whose blobs are encrypted from where they were read.</summary>
[TestClass]
public sealed class TlsTransportTests : TransportTests
{
    [TestMethod]
    public async Task Get_WithHttp2_FramesTheBytes()
    {
        byte[] content = TestRegistry.RandomBytes(5_000_001);
        Digest digest = await Registry.PushBlobAsync(Repo, content);
        using var request = new HttpRequestMessage(HttpMethod.Get, $"/v2/{Repo}/blobs/{digest}") { Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionExact };
        using HttpResponseMessage response = await Registry.Http.SendAsync(request, Token);

        Assert.AreEqual(HttpVersion.Version20, response.Version);
        CollectionAssert.AreEqual(content, await response.Content.ReadAsByteArrayAsync(Token));
    }

    private protected override void Configure(RegistryOptions options) => options.Listen = ["https://127.0.0.1:0"];

    private protected override async Task<Stream> OpenAsync(TcpClient client)
    {
        var stream = new SslStream(client.GetStream());
        await stream.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = "localhost", RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate is not null }, Token);
        return stream;
    }
}
