namespace AiModels.ApiServer.Storage;

/// <summary>The options that every command has which talks to etcd; what they mean says <see cref="ApiServerOptions"/>.</summary>
internal interface IEtcdOptions
{
    List<string> EtcdServers { get; }
    string? EtcdCaFile { get; }
    string? EtcdCertFile { get; }
    string? EtcdKeyFile { get; }
    string EtcdPrefix { get; }
    string? EtcdUser { get; }
    string? EtcdPasswordFile { get; }
}
