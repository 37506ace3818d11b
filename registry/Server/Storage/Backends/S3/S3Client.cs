using Amazon.Runtime;
using Amazon.Runtime.Internal;
using Amazon.S3;

namespace AiModels.Registry.Storage.Backends.S3;

/// <summary>The SDK's client, except that it takes the hash of a body from the body itself where that states one (<see cref="IStatedPayload"/>).</summary>
internal sealed class S3Client(AWSCredentials credentials, AmazonS3Config config) : AmazonS3Client(credentials, config)
{
    protected override void CustomizeRuntimePipeline(RuntimePipeline pipeline)
    {
        base.CustomizeRuntimePipeline(pipeline);
        pipeline.AddHandlerBefore<Signer>(new StatedPayloadHandler());
    }
}
