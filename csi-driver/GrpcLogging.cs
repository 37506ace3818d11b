using AiModels.Hosting.Grpc;

namespace AiModels.CsiDriver;

/// <summary>
/// Logs how calls end, by method and volume id. Requests themselves are never logged: they can hold secrets, and kubelet repeats them every few seconds.
/// Waiting (Unavailable) is normal while a model is fetched, so it is a debug line.
/// </summary>
internal static partial class GrpcLogging
{
    public static Func<TRequest, RpcContext, Task<TResponse>> Of<TRequest, TResponse>(
        ILogger logger, Func<TRequest, string> volumeId, Func<TRequest, RpcContext, Task<TResponse>> handler) =>
        async (request, context) =>
        {
            try
            {
                TResponse response = await handler(request, context);
                Log.Succeeded(logger, context.Method, volumeId(request));
                return response;
            }
            catch (RpcException e) when (e.Code is RpcCode.Unavailable or RpcCode.Aborted)
            {
                Log.Waiting(logger, context.Method, volumeId(request), e.Code, e.Message);
                throw;
            }
            catch (RpcException e)
            {
                Log.Refused(logger, context.Method, volumeId(request), e.Code, e.Message);
                throw;
            }
        };

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Information, "{Method} succeeded for volume {VolumeId}")]
        public static partial void Succeeded(ILogger logger, string method, string volumeId);

        [LoggerMessage(2, LogLevel.Debug, "{Method} must be repeated for volume {VolumeId}: {Code}: {Reason}")]
        public static partial void Waiting(ILogger logger, string method, string volumeId, RpcCode code, string reason);

        [LoggerMessage(3, LogLevel.Warning, "{Method} failed for volume {VolumeId}: {Code}: {Reason}")]
        public static partial void Refused(ILogger logger, string method, string volumeId, RpcCode code, string reason);
    }
}
