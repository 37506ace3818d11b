using System.ComponentModel.DataAnnotations;
using AiModels.ApiServer.Storage;
using AiModels.EtcdStore;
using AiModels.TestKit;

namespace AiModels.ApiServer.Tests.ApiServer.Storage;

/// <summary>--storage and --etcd-…: what is refused, and what becomes of the rest.</summary>
[TestClass]
public sealed class StorageOptionsTests
{
    [TestMethod]
    [DataRow("files", "", "'files' is no engine; use sqlite, etcd or litedb")]
    [DataRow("etcd", "", "--etcd-servers is missing")]
    [DataRow("etcd", "localhost:2379", "'localhost:2379' is no member's address")]
    [DataRow("etcd", "http://localhost:2379/path", "is no member's address")]
    public void Options_ThatMakeNoSense_AreRefused(string storage, string server, string expected)
    {
        var options = new ApiServerOptions { Storage = storage, EtcdServers = server.Length > 0 ? [server] : [] };

        StringAssert.Contains(Errors(options), expected);
    }

    [TestMethod]
    public void Options_OfWhichOneNeedsAnother_SayWhich()
    {
        var options = new ApiServerOptions { Storage = "etcd", EtcdServers = ["https://e:2379"], EtcdCertFile = "c", EtcdUser = "u", EtcdPrefix = "models/" };

        string errors = Errors(options);

        StringAssert.Contains(errors, "--etcd-certfile and --etcd-keyfile belong together");
        StringAssert.Contains(errors, "--etcd-user and --etcd-password-file belong together");
        StringAssert.Contains(errors, "--etcd-prefix: 'models/'");
    }

    [TestMethod]
    public void Password_IsReadFromItsFile()
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder["password"], "secret\n");
        var options = new ApiServerOptions { Storage = "etcd", EtcdServers = ["https://e:2379"], EtcdUser = "u", EtcdPasswordFile = folder["password"] };

        EtcdStoreOptions store = EtcdSettings.Of(options, TimeSpan.FromMinutes(5));

        Assert.AreEqual("", Errors(options));
        Assert.AreEqual(("u", "secret"), (store.UserName, store.Password));
    }

    private static string Errors(ApiServerOptions options) => string.Join('\n', options.Validate(new ValidationContext(options)));
}
