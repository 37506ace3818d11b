namespace AiModels.NodeAgent.Cache;

internal sealed partial class NodeCache
{
    private static partial class Log
    {
        [LoggerMessage(10, LogLevel.Information, "The cache holds {Models} models and {Leases} leases; its limit is {Capacity} bytes")]
        public static partial void Loaded(ILogger logger, int models, int leases, long capacity);

        [LoggerMessage(11, LogLevel.Information, "{Digest} with {Bytes} bytes was evicted for {Reason}")]
        public static partial void Evicted(ILogger logger, string digest, long bytes, string reason);

        [LoggerMessage(12, LogLevel.Warning, "{Digest} could not be fetched: {Reason}")]
        public static partial void DownloadFailed(ILogger logger, string digest, string reason);

        [LoggerMessage(13, LogLevel.Warning, "Volume {VolumeId} of Pod {PodUid} has {Digest} mounted without a lease: it has one again")]
        public static partial void LeaseFound(ILogger logger, string volumeId, string digest, string podUid);

        [LoggerMessage(14, LogLevel.Warning, "{Digest} is not whole any more: files are missing or have other sizes. It is fetched again")]
        public static partial void Incomplete(ILogger logger, string digest);

        [LoggerMessage(15, LogLevel.Error, "{Digest} is damaged on the disk and is fetched again: {Reason}")]
        public static partial void Damaged(ILogger logger, string digest, string reason);

        [LoggerMessage(17, LogLevel.Warning, "{Digest} is not fetched on: {Reason}")]
        public static partial void LetGo(ILogger logger, string digest, string reason);

        [LoggerMessage(16, LogLevel.Warning, "What the index tells of models is older than it could be, until the disk takes it: {Reason}")]
        public static partial void NotWritten(ILogger logger, string reason);
    }
}
