using AiModels.EtcdStore;
using AiModels.Hosting.CommandLine;

namespace AiModels.ApiServer.Storage;

/// <summary>How a command finds etcd and what it says there; kube-apiserver's names where it has them.</summary>
public abstract class EtcdOptions
{
    [Option("etcd's members, where etcd is the storage: https://HOST:2379, repeated or comma-separated.", Placeholder = "URLS")]
    public List<string> EtcdServers { get; set; } = [];

    [Option("Authorities of etcd's certificates, PEM. Default: the system's.", Placeholder = "FILE", Name = "etcd-cafile")]
    public string? EtcdCaFile { get; set; }

    [Option("Client certificate for etcd, PEM; read again for every connection.", Placeholder = "FILE", Name = "etcd-certfile")]
    public string? EtcdCertFile { get; set; }

    [Option("Private key of the client certificate for etcd, PEM.", Placeholder = "FILE", Name = "etcd-keyfile")]
    public string? EtcdKeyFile { get; set; }

    [Option("What all keys in etcd begin with.", Placeholder = "PATH")]
    public string EtcdPrefix { get; set; } = EtcdStoreOptions.DefaultPrefix;

    [Option("User of etcd's own authentication.", Placeholder = "NAME")]
    public string? EtcdUser { get; set; }

    [Option("File that holds the password of --etcd-user.", Placeholder = "FILE")]
    public string? EtcdPasswordFile { get; set; }
}
