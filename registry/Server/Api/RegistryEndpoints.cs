using AiModels.ModelPack.Grants;
using AiModels.ModelPack.Oci;
using AiModels.Registry.Grants;
using AiModels.Registry.Storage.Backends;

namespace AiModels.Registry.Api;

/// <summary>
/// The way of every request: read the path, authenticate, authorize, hand over to the noun, answer its error.
/// https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md#endpoints
/// </summary>
internal sealed partial class RegistryEndpoints(
    GrantAuthentication authentication, Blobs blobs, BlobUploads uploads, Manifests manifests, Tags tags, Referrers referrers, ILogger<RegistryEndpoints> logger)
{
    // Seconds. Storage was asked again for about as long before we gave up.
    private const string RetryAfter = "5";

    public Task HandleAsync(HttpContext http) => GuardAsync(http, () => RouteAsync(http));

    /// <summary>Runs a handler and answers what it throws.</summary>
    public async Task GuardAsync(HttpContext http, Func<Task> handler)
    {
        try
        {
            await handler();
        }
        catch (RegistryException failure)
        {
            await ErrorResponse.WriteAsync(http, failure);
        }
        catch (StorageFullException failure)
        {
            Log.Full(logger, http.Request.Method, http.Request.Path, failure.Message);
            await ErrorResponse.WriteAsync(http, new RegistryException(RegistryError.InsufficientStorage, failure.Message, failure));
        }
        catch (StorageUnavailableException failure)
        {
            Log.Unavailable(logger, http.Request.Method, http.Request.Path, failure.Message);
            await ErrorResponse.WriteAsync(http, new RegistryException(RegistryError.Unavailable, null, failure) { Headers = [new("Retry-After", RetryAfter)] });
        }
        catch (BadHttpRequestException failure)
        {
            await ErrorResponse.WriteAsync(http, new RegistryException(RegistryError.SizeInvalid with { Status = failure.StatusCode }, failure.Message, failure));
        }
        catch (Exception failure) when (http.RequestAborted.IsCancellationRequested)
        {
            // Nobody is left to answer.
            Log.Gone(logger, http.Request.Method, http.Request.Path, failure.GetType().Name);
        }
        catch (Exception failure)
        {
            Log.Failed(logger, http.Request.Method, http.Request.Path, failure);
            await ErrorResponse.WriteAsync(http, new RegistryException(RegistryError.Internal, null, failure));
        }
    }

    private Task RouteAsync(HttpContext http)
    {
        http.Response.Headers["Docker-Distribution-Api-Version"] = "registry/2.0";
        RegistryRoute route = RegistryRoute.Parse(http.Request.Path.Value ?? "");
        string method = http.Request.Method;
        (string action, Func<RegistryRequest, Task>? handler) = (method, route.Kind) switch
        {
            ("GET" or "HEAD", RouteKind.Blob) => (GrantActions.Pull, blobs.GetAsync),
            ("DELETE", RouteKind.Blob) => (GrantActions.Delete, blobs.DeleteAsync),
            ("POST", RouteKind.Uploads) => (GrantActions.Push, uploads.StartAsync),
            ("PATCH", RouteKind.Upload) => (GrantActions.Push, uploads.AppendAsync),
            ("PUT", RouteKind.Upload) => (GrantActions.Push, uploads.CompleteAsync),
            ("GET" or "HEAD", RouteKind.Upload) => (GrantActions.Push, uploads.StatusAsync),
            ("DELETE", RouteKind.Upload) => (GrantActions.Push, uploads.CancelAsync),
            ("GET" or "HEAD", RouteKind.Manifest) => (GrantActions.Pull, manifests.GetAsync),
            ("PUT", RouteKind.Manifest) => (GrantActions.Push, manifests.PutAsync),
            ("DELETE", RouteKind.Manifest) => (GrantActions.Delete, manifests.DeleteAsync),
            ("GET" or "HEAD", RouteKind.Tags) => (GrantActions.Pull, tags.ListAsync),
            ("GET" or "HEAD", RouteKind.Referrers) => (GrantActions.Pull, referrers.ListAsync),
            ("GET" or "HEAD", RouteKind.Base) => (GrantActions.Pull, AnswerBaseAsync),
            _ => (GrantActions.Pull, (Func<RegistryRequest, Task>?)null),
        };

        Caller caller = authentication.Authenticate(http, route.Repository, action);
        if (route.Kind == RouteKind.Unknown)
        {
            throw new RegistryException(RegistryError.NotFound, $"{http.Request.Path} is no address of the distribution API.");
        }

        if (handler is null)
        {
            throw new RegistryException(RegistryError.Unsupported, $"{method} is not supported for {http.Request.Path}.") { Headers = [new("Allow", AllowedOn(route.Kind))] };
        }

        if (route.Kind != RouteKind.Base)
        {
            Authorize(caller, route, method, action);
        }

        return handler(new RegistryRequest(http, route.Repository, route.Target, caller));
    }

    private static string AllowedOn(RouteKind kind) => kind switch
    {
        RouteKind.Blob => "GET, HEAD, DELETE",
        RouteKind.Uploads => "POST",
        RouteKind.Upload => "GET, HEAD, PATCH, PUT, DELETE",
        RouteKind.Manifest => "GET, HEAD, PUT, DELETE",
        _ => "GET, HEAD",
    };

    private static void Authorize(Caller caller, RegistryRoute route, string method, string action)
    {
        if (!Reference.IsRepository(route.Repository))
        {
            throw RegistryRequest.InvalidName(route.Repository);
        }

        // Who pushes asks first whether the blob is there.
        bool isProbe = HttpMethods.IsHead(method) && caller.Allows(route.Repository, GrantActions.Push);
        if (!isProbe && !caller.Allows(route.Repository, action))
        {
            throw new RegistryException(RegistryError.Denied, $"The grant of {caller.Subject} does not allow {action} on {route.Repository}.");
        }
    }

    private static Task AnswerBaseAsync(RegistryRequest request)
    {
        request.Http.Response.ContentType = "application/json";
        request.Http.Response.ContentLength = 2;
        return request.IsHead ? Task.CompletedTask : request.Http.Response.WriteAsync("{}", request.Aborted);
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Error, "{Method} {Path} failed")]
        public static partial void Failed(ILogger logger, string method, string path, Exception failure);

        [LoggerMessage(2, LogLevel.Warning, "{Method} {Path}: no room: {Reason}")]
        public static partial void Full(ILogger logger, string method, string path, string reason);

        [LoggerMessage(4, LogLevel.Warning, "{Method} {Path}: {Reason}")]
        public static partial void Unavailable(ILogger logger, string method, string path, string reason);

        [LoggerMessage(3, LogLevel.Debug, "{Method} {Path}: the client went away ({Failure})")]
        public static partial void Gone(ILogger logger, string method, string path, string failure);
    }
}
