using AiModels.ApiMachinery.Storage;
using AiModels.EtcdStore;
using AiModels.Hosting.Certificates;
using AiModels.TestKit;
using Microsoft.Extensions.Logging.Abstractions;

namespace AiModels.ApiServer.Tests.Storage;

/// <summary>TLS with client certificates, and etcd's own users.</summary>
[TestClass]
public sealed class EtcdAccessTests
{
    private static readonly ObjectKey Thing = new("test", "things", "", "a");

    public TestContext TestContext { get; set; } = null!;

    private CancellationToken Cancelled => TestContext.CancellationToken;

    [TestMethod]
    [Timeout(120_000, CooperativeCancellation = true)]
    public async Task Tls_WithAClientCertificate_Works_AndWithoutOneOrWithAnotherAuthority_DoesNot()
    {
        using var folder = new TempFolder();
        using CertificateAuthority authority = CertificateAuthority.LoadOrCreate(folder.Path, "ca", TimeProvider.System);
        (string serverCert, string serverKey) = authority.LoadOrIssue(
            folder.Path, "server", new CertificateRequestOptions("etcd") { Hosts = ["127.0.0.1"], ForServer = true, ForClient = true });
        (string clientCert, string clientKey) = authority.LoadOrIssue(folder.Path, "client", new CertificateRequestOptions("apiserver") { ForClient = true });
        using CertificateAuthority stranger = CertificateAuthority.LoadOrCreate(folder.Path, "stranger", TimeProvider.System);
        await using RunningEtcd etcd = await RunningEtcd.StartAsync(
            1, Cancelled, $"--cert-file={serverCert}", $"--key-file={serverKey}", $"--trusted-ca-file={folder["ca.crt"]}", "--client-cert-auth");
        EtcdStoreOptions Options(string authorityFile, bool showsCertificate) => new()
        {
            Servers = etcd.Servers,
            CaFile = folder[authorityFile],
            CertFile = showsCertificate ? clientCert : null,
            KeyFile = showsCertificate ? clientKey : null,
            Patience = TimeSpan.FromSeconds(showsCertificate && authorityFile == "ca.crt" ? 30 : 1),
        };

        await using (EtcdObjectStore store = Open(Options("ca.crt", showsCertificate: true)))
        {
            await WriteAndWatchAsync(store);
        }

        await using EtcdObjectStore anonymous = Open(Options("ca.crt", showsCertificate: false));
        await Assert.ThrowsAsync<StoreUnavailableException>(async () => await anonymous.GetAsync(Thing, Cancelled));
        await using EtcdObjectStore distrustful = Open(Options("stranger.crt", showsCertificate: true));
        await Assert.ThrowsAsync<StoreUnavailableException>(async () => await distrustful.GetAsync(Thing, Cancelled));
    }

    [TestMethod]
    public void Tls_WithAFileThatIsNoCertificate_FailsAtOnce()
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder["client.crt"], "no certificate");

        var refusal = Assert.ThrowsExactly<IOException>(() => Open(new EtcdStoreOptions { Servers = [new Uri("https://127.0.0.1:1")], CertFile = folder["client.crt"] }));

        StringAssert.Contains(refusal.Message, folder["client.crt"]);
    }

    [TestMethod]
    [Timeout(120_000, CooperativeCancellation = true)]
    public async Task Password_IsExchangedForATokenAgain_WhenEtcdForgotIt()
    {
        await using RunningEtcd etcd = await RunningEtcd.StartAsync(cancellationToken: Cancelled);
        await EtcdctlAsync(etcd, "user", "add", "root:secret");
        await EtcdctlAsync(etcd, "user", "grant-role", "root", "root");
        await EtcdctlAsync(etcd, "user", "add", "models:password");
        await EtcdctlAsync(etcd, "role", "add", "models");
        await EtcdctlAsync(etcd, "role", "grant-permission", "models", "--prefix=true", "readwrite", "/ai-models/");
        await EtcdctlAsync(etcd, "user", "grant-role", "models", "models");
        await EtcdctlAsync(etcd, "auth", "enable");
        EtcdStoreOptions Options(string password, int patience) => new()
        {
            Servers = etcd.Servers,
            UserName = "models",
            Password = password,
            CompactionInterval = TimeSpan.Zero,
            Patience = TimeSpan.FromSeconds(patience),
        };

        await using EtcdObjectStore store = Open(Options("password", 30));
        await WriteAndWatchAsync(store);

        // Simple tokens are in the member's memory.
        await etcd.KillMemberAsync(0);
        await etcd.StartMemberAsync(0, Cancelled);
        await WriteAndWatchAsync(store);

        await using EtcdObjectStore impostor = Open(Options("guess", 1));
        var refusal = await Assert.ThrowsAsync<StoreUnavailableException>(async () => await impostor.GetAsync(Thing, Cancelled));
        StringAssert.Contains(refusal.Message, "authentication failed");
    }

    private static EtcdObjectStore Open(EtcdStoreOptions options) => new(options, TimeProvider.System, NullLogger<EtcdObjectStore>.Instance);

    private async Task EtcdctlAsync(RunningEtcd etcd, params string[] arguments) =>
        Assert.AreNotEqual("", await etcd.EtcdctlAsync(0, arguments, Cancelled), string.Join(' ', arguments));

    private async Task WriteAndWatchAsync(EtcdObjectStore store)
    {
        long start = await store.GetRevisionAsync(Cancelled);
        StoredObject created = (await store.CreateAsync(Thing, "x"u8.ToArray(), Cancelled)).Object!;
        await store.DeleteAsync(Thing, created.Revision, Cancelled);
        int seen = 0;
        await foreach (StoreEvent change in store.WatchAsync("/test/things/", start, Cancelled))
        {
            Assert.AreEqual(seen++ == 0 ? StoreEventType.Created : StoreEventType.Deleted, change.Type);
            if (seen == 2)
            {
                break;
            }
        }
    }
}
