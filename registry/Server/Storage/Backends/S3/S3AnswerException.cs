using System.Net;
using Amazon.Runtime;

namespace AiModels.Registry.Storage.Backends.S3;

/// <summary>An answer that tells something of the object and is no fault of the server: not there, not as the condition wants it, not that long.</summary>
internal sealed class S3AnswerException(AmazonServiceException answer) : IOException($"{(int)answer.StatusCode} {answer.ErrorCode}", answer)
{
    public bool IsNotFound { get; } = answer.StatusCode == HttpStatusCode.NotFound;

    public bool IsPreconditionFailed { get; } = answer.StatusCode == HttpStatusCode.PreconditionFailed;

    public bool IsBehindTheEnd { get; } = answer.StatusCode == HttpStatusCode.RequestedRangeNotSatisfiable;
}
