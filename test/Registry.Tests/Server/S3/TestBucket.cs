using AiModels.Registry.Storage.Backends.S3;
using AiModels.Registry.Tests.Server.Backends.S3;
using AiModels.TestKit.S3;

namespace AiModels.Registry.Tests.Server.S3;

/// <summary>A fresh bucket of the shared S3 server, and how a registry is told of it.</summary>
internal sealed class TestBucket
{
    private TestBucket(RadosGateway gateway, string name, string credentials)
    {
        Gateway = gateway;
        Name = name;
        Credentials = credentials;
        Endpoint = gateway.Endpoint;
    }

    public RadosGateway Gateway { get; }

    public string Name { get; }

    /// <summary>What registries are told: the server itself, or a proxy before it.</summary>
    public Uri Endpoint { get; set; }

    public string Credentials { get; set; }

    /// <summary>The options of the program.</summary>
    public string[] Arguments => ["--s3-endpoint", Endpoint.GetLeftPart(UriPartial.Authority), "--s3-path-style", "--s3-credentials", Credentials];

    public string Storage => "s3:" + Name;

    public static async Task<TestBucket> CreateAsync(CancellationToken cancellationToken)
    {
        RadosGateway gateway = await SharedRadosGateway.GetAsync(cancellationToken);
        return new TestBucket(gateway, await gateway.CreateBucketAsync(cancellationToken), gateway.Credentials);
    }

    /// <summary>A bucket that takes 4 MiB.</summary>
    public static async Task<TestBucket> CreateLimitedAsync(CancellationToken cancellationToken)
    {
        RadosGateway gateway = await SharedRadosGateway.GetAsync(cancellationToken);
        return new TestBucket(gateway, await gateway.CreateBucketAsync(cancellationToken, gateway.LimitedCredentials), gateway.LimitedCredentials);
    }

    public void Configure(RegistryOptions options)
    {
        options.Storage = Storage;
        options.S3Endpoint = Endpoint.GetLeftPart(UriPartial.Authority);
        options.S3PathStyle = true;
        options.S3Credentials = Credentials;
    }

    public S3Backend Open() => SharedRadosGateway.Open(SharedRadosGateway.OptionsOf(Name, Endpoint, Credentials));
}
