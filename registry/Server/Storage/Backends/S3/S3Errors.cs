using System.Net;
using System.Net.Sockets;
using System.Security.Authentication;
using Amazon.Runtime;

namespace AiModels.Registry.Storage.Backends.S3;

/// <summary>What S3's errors mean: which may pass by themselves, and what an operator should change for the others.</summary>
internal static class S3Errors
{
    /// <summary>Whether trying again may help.</summary>
    public static bool IsTransient(Exception failure) => failure switch
    {
        AmazonServiceException { ErrorCode: "SlowDown" or "RequestTimeout" or "ServiceUnavailable" or "InternalError" or "OperationAborted" or "ConditionalRequestConflict" } => true,
        AmazonServiceException service when service.StatusCode is >= HttpStatusCode.InternalServerError and not (HttpStatusCode.NotImplemented or HttpStatusCode.InsufficientStorage) => true,
        AmazonServiceException { StatusCode: HttpStatusCode.RequestTimeout or HttpStatusCode.TooManyRequests } => true,
        AmazonServiceException { StatusCode: not 0 } => false,
        _ => IsOfNetwork(failure),
    };

    /// <summary>Whether the server does not accept the credentials, which may have been rotated.</summary>
    public static bool IsRefusal(Exception failure) =>
        failure is AmazonServiceException { StatusCode: HttpStatusCode.Forbidden or HttpStatusCode.Unauthorized } service && service.ErrorCode is not ("QuotaExceeded" or "RequestTimeTooSkewed");

    /// <summary>The error in words of this registry's options.</summary>
    public static IOException Translate(Exception failure, S3Options options)
    {
        string endpoint = options.EndpointName;
        string? problem = failure is AmazonServiceException { StatusCode: not 0 } service ? service.ErrorCode switch
        {
            "NoSuchBucket" => $"there is no bucket '{options.Bucket}' at {endpoint}: create it, or correct --storage",
            "InvalidAccessKeyId" => $"{endpoint} does not know the access key in {Path.Combine(options.CredentialsFolder, FileCredentials.AccessKeyFile)}",
            "SignatureDoesNotMatch" => $"{endpoint} refuses the signature: the key in {Path.Combine(options.CredentialsFolder, FileCredentials.SecretKeyFile)} does not belong to the access key beside it",
            "RequestTimeTooSkewed" => $"this machine's clock differs too much from that of {endpoint}: synchronize it",
            "AuthorizationHeaderMalformed" or "PermanentRedirect" or "IllegalLocationConstraintException" => $"bucket '{options.Bucket}' belongs to another region than --s3-region {options.Region} ({service.Message})",
            _ when service.StatusCode is HttpStatusCode.Forbidden or HttpStatusCode.Unauthorized => $"the credentials of {options.CredentialsFolder} may not do this in bucket '{options.Bucket}' of {endpoint} ({service.ErrorCode})",
            _ => null,
        } : null;
        return failure switch
        {
            AmazonServiceException { ErrorCode: "QuotaExceeded" or "InsufficientStorage" or "EntityTooLarge" } full => new StorageFullException($"Bucket '{options.Bucket}' takes no more: {full.ErrorCode}.", failure),
            AmazonServiceException { StatusCode: HttpStatusCode.InsufficientStorage } => new StorageFullException($"{endpoint} has no room.", failure),
            _ when problem is not null => new IOException(problem, failure),
            AmazonServiceException { StatusCode: HttpStatusCode.NotFound or HttpStatusCode.PreconditionFailed or HttpStatusCode.RequestedRangeNotSatisfiable } answer => new S3AnswerException(answer),
            _ when Find<AuthenticationException>(failure) is { } tls => new IOException(
                $"the certificate of {endpoint} is not trusted ({tls.Message}): give its authority by --s3-ca-file or as {FileCredentials.CaFile} beside the credentials", failure),
            AmazonServiceException { StatusCode: not 0 } busy when IsTransient(busy) => new StorageUnavailableException($"{endpoint} answers {(int)busy.StatusCode} {busy.ErrorCode}", failure),
            AmazonServiceException { StatusCode: not 0 } other => new IOException($"{endpoint} answers {(int)other.StatusCode} {other.ErrorCode}: {other.Message}", failure),
            _ when IsOfNetwork(failure) => new StorageUnavailableException($"{endpoint} cannot be reached: {Innermost(failure).Message}", failure),
            IOException own => own,
            _ => new IOException($"{endpoint}: {failure.Message}", failure),
        };
    }

    private static bool IsOfNetwork(Exception failure) =>
        Find<AuthenticationException>(failure) is null
        && (failure is TimeoutException or StorageUnavailableException || Find<HttpRequestException>(failure) is not null || Find<SocketException>(failure) is not null || Find<HttpIOException>(failure) is not null);

    private static T? Find<T>(Exception failure)
        where T : Exception
    {
        for (Exception? current = failure; current is not null; current = current.InnerException)
        {
            if (current is T found)
            {
                return found;
            }
        }

        return null;
    }

    private static Exception Innermost(Exception failure) => failure.InnerException is { } inner ? Innermost(inner) : failure;
}
