using AiModels.Hosting.Grpc;

namespace AiModels.CsiDriver.Requests;

/// <summary>Checks that every Node call shares.</summary>
internal static class VolumeArguments
{
    // CSI specification, "Size Limits": strings are at most 128 bytes unless a field says otherwise; paths have the system's limit.
    private const int MaxVolumeId = 128;

    public static void CheckVolumeId(string volumeId)
    {
        if (volumeId.Length == 0)
        {
            throw new RpcException(RpcCode.InvalidArgument, "volume_id is missing");
        }

        if (volumeId.Length > MaxVolumeId)
        {
            throw new RpcException(RpcCode.InvalidArgument, $"volume_id has {volumeId.Length} characters; at most {MaxVolumeId} are allowed");
        }
    }

    /// <summary>The path must be absolute and have no "..": what is mounted and removed must be what is written.</summary>
    public static void CheckPath(string field, string path)
    {
        if (path.Length == 0)
        {
            throw new RpcException(RpcCode.InvalidArgument, $"{field} is missing");
        }

        if (!Path.IsPathRooted(path) || path.Split('/').Contains("..") || path.Contains('\0'))
        {
            throw new RpcException(RpcCode.InvalidArgument, $"{field}: '{path}' is not an absolute path without '..'");
        }
    }
}
