namespace AiModels.Registry.Storage.Backends.S3;

/// <summary>A request's body that tells what <c>x-amz-content-sha256</c> says of it, so that the SDK does not read it once more to compute that.</summary>
internal interface IStatedPayload
{
    /// <summary>
    /// What is signed when nobody needs the server to compare the body: neither side computes a hash.
    /// <see href="https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html"/>
    /// </summary>
    const string Unsigned = "UNSIGNED-PAYLOAD";

    /// <summary>The SHA-256 in lower-case hexadecimal digits, or <see cref="Unsigned"/>.</summary>
    string PayloadHash { get; }
}
