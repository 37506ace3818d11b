namespace AiModels.Registry.Storage.Backends.S3;

/// <summary>Settings of the S3 backend.</summary>
internal sealed class S3Options
{
    /// <summary>The bucket. It must exist: making buckets is an administrator's right that a registry needs not.</summary>
    public required string Bucket { get; init; }

    /// <summary>Folder with the files <c>accessKey</c>, <c>secretKey</c> and perhaps <c>ca.crt</c>: a mounted Secret.</summary>
    public required string CredentialsFolder { get; init; }

    /// <summary>The server, or null for AWS in <see cref="Region"/>.</summary>
    public Uri? Endpoint { get; init; }

    /// <summary>What requests are signed for. us-east-1 is what servers without regions expect.</summary>
    public string Region { get; init; } = "us-east-1";

    /// <summary>https://host/bucket/key instead of https://bucket.host/key.</summary>
    public bool UsePathStyle { get; init; }

    /// <summary>Authorities that may have signed the server's certificate, PEM; null: <c>ca.crt</c> of the credentials if it is there, else the system's.</summary>
    public string? CaFile { get; init; }

    /// <summary>Any certificate will do.</summary>
    public bool IsInsecure { get; init; }

    public S3Verification Verification { get; init; } = S3Verification.Full;

    /// <summary>16 MiB: all chunks of models below 128 GiB are one request each, whose SHA-256 the server compares with what it received.</summary>
    public long SinglePutLimit { get; init; } = 16 * 1024 * 1024;

    /// <summary>8 MiB: S3 wants at least 5 MiB and at most 10,000 parts; larger objects get larger parts (<see cref="PartPlan"/>).</summary>
    public long PartSize { get; init; } = 8 * 1024 * 1024;

    /// <summary>64 MiB for what waits to be sent, however many pushes there are.</summary>
    public long BufferBytes { get; init; } = 64 * 1024 * 1024;

    /// <summary>Seven attempts from 100 ms on, doubling: about six seconds, after which the client is told to come back.</summary>
    public int MaxRetries { get; init; } = 6;

    public TimeSpan FirstRetryDelay { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>30 s without a byte: the connection is dead.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>A day, as for other uploads that are left behind.</summary>
    public TimeSpan AbandonedAfter { get; init; } = TimeSpan.FromDays(1);

    /// <summary>The server as a user knows it, for messages.</summary>
    public string EndpointName => Endpoint?.GetLeftPart(UriPartial.Authority) ?? $"AWS ({Region})";
}

/// <summary>How the registry makes sure that the bucket holds what was sent.</summary>
public enum S3Verification
{
    /// <summary>A SHA-256 of the whole object that the server computed, else one read of the object.</summary>
    Full,

    /// <summary>As <see cref="Full"/>, but an object of many parts needs no read when the server compared the SHA-256 of each part.</summary>
    Parts,
}
