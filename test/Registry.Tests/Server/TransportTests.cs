using System.Net.Sockets;
using System.Text;
using AiModels.ModelPack.Oci;
using AiModels.Registry.Tests.Server.Api;

namespace AiModels.Registry.Tests.Server;

/// <summary>Plain connections, whose blobs the kernel sends from file to socket.</summary>
[TestClass]
public class TransportTests : RegistryTestBase
{
    private static readonly byte[] Content = TestRegistry.RandomBytes(9_000_001);

    [TestMethod]
    public async Task Get_PipelinedOnOneConnection_AnswersInOrder()
    {
        Digest digest = await Registry.PushBlobAsync(Repo, Content);
        using TcpClient client = await ConnectAsync();
        await using Stream stream = await OpenAsync(client);
        await stream.WriteAsync(Encoding.ASCII.GetBytes(
            $"GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\nGET /v2/{Repo}/blobs/{digest} HTTP/1.1\r\nHost: x\r\nRange: bytes=5-9000000\r\n\r\nGET /v2/{Repo}/tags/list?n=x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), Token);
        using var all = new MemoryStream();
        await stream.CopyToAsync(all, Token);
        byte[] answer = all.ToArray();

        int body = answer.AsSpan().IndexOf(Content.AsSpan(5, 1000));
        string before = Encoding.ASCII.GetString(answer, 0, body);
        Assert.StartsWith("HTTP/1.1 200", before);
        StringAssert.Contains(before, "HTTP/1.1 206");
        CollectionAssert.AreEqual(Content[5..], answer[body..(body + Content.Length - 5)]);
        StringAssert.StartsWith(Encoding.ASCII.GetString(answer, body + Content.Length - 5, 12), "HTTP/1.1 400");
    }

    [TestMethod]
    public async Task Get_ClientHangsUpInTheMiddle_OthersAreServed()
    {
        Digest digest = await Registry.PushBlobAsync(Repo, Content);
        for (int i = 0; i < 20; i++)
        {
            using TcpClient client = await ConnectAsync();
            await using Stream stream = await OpenAsync(client);
            await stream.WriteAsync(Encoding.ASCII.GetBytes($"GET /v2/{Repo}/blobs/{digest} HTTP/1.1\r\nHost: x\r\n\r\n"), Token);
            await stream.ReadExactlyAsync(new byte[1000 * i], Token);
            client.Client.LingerState = new LingerOption(true, 0);
        }

        CollectionAssert.AreEqual(Content, await PullAsync(Repo, digest));
    }

    [TestMethod]
    public async Task Get_ManyAtOnce_EachGetsItsOwnBytes()
    {
        byte[][] blobs = [.. Enumerable.Range(0, 8).Select(i => TestRegistry.RandomBytes((i * 700_000) + 1))];
        foreach (byte[] blob in blobs)
        {
            await Registry.PushBlobAsync(Repo, blob);
        }

        await Task.WhenAll(Enumerable.Range(0, 48).Select(async i => CollectionAssert.AreEqual(blobs[i % 8], await PullAsync(Repo, Digest.Sha256Of(blobs[i % 8])))));
    }

    /// <summary>What goes over the connection.</summary>
    private protected virtual Task<Stream> OpenAsync(TcpClient client) => Task.FromResult<Stream>(client.GetStream());

    private async Task<TcpClient> ConnectAsync()
    {
        var uri = new Uri(Registry.Address);
        var client = new TcpClient();
        await client.ConnectAsync(uri.Host, uri.Port, Token);
        return client;
    }
}
