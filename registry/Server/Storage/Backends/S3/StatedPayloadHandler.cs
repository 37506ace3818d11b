using Amazon.Runtime;
using Amazon.Runtime.Internal;
using Amazon.S3.Model;

namespace AiModels.Registry.Storage.Backends.S3;

/// <summary>
/// Hands the hash that a body states to the signer, which stands behind this in the SDK's pipeline. A header of the request would not do: the signer removes what it has not set.
/// Its own switch for unsigned bodies (<c>DisablePayloadSigning</c>) would not either: it refuses plain HTTP.
/// </summary>
internal sealed class StatedPayloadHandler : PipelineHandler
{
    public override Task<T> InvokeAsync<T>(IExecutionContext executionContext)
    {
        IRequestContext context = executionContext.RequestContext;
        Stream? body = context.OriginalRequest switch
        {
            PutObjectRequest put => put.InputStream,
            UploadPartRequest part => part.InputStream,
            _ => null,
        };
        if (body is IStatedPayload stated)
        {
            context.Request.PrecomputedContentSha256 = stated.PayloadHash;
        }

        return base.InvokeAsync<T>(executionContext);
    }
}
