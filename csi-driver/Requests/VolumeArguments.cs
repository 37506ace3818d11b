using System.Text;
using AiModels.Hosting.Grpc;

namespace AiModels.CsiDriver.Requests;

/// <summary>Checks that every Node call shares.</summary>
internal static class VolumeArguments
{
    // CSI specification, "Size Limits": strings are at most 128 bytes unless a field says otherwise; paths have the system's limit.
    private const int MaxVolumeId = 128;

    // Linux' PATH_MAX, the end of the string included.
    private const int MaxPath = 4095;

    public static void CheckVolumeId(string volumeId)
    {
        if (volumeId.Length == 0)
        {
            throw new RpcException(RpcCode.InvalidArgument, "volume_id is missing");
        }

        if (Encoding.UTF8.GetByteCount(volumeId) is > MaxVolumeId and var bytes)
        {
            throw new RpcException(RpcCode.InvalidArgument, $"volume_id has {bytes} bytes; at most {MaxVolumeId} are allowed");
        }

        // It becomes a part of a URL on the agent's socket, where these would be another URL's.
        if (volumeId is "." or ".." || volumeId.Any(IsBanned))
        {
            throw new RpcException(RpcCode.InvalidArgument, "volume_id must not be '.' or '..', nor hold control characters");
        }
    }

    /// <summary>
    /// The path without what means nothing in it (a slash at its end, "//", "."), so that one folder has one name: a link with a slash behind it, for instance, would be followed.
    /// It must be absolute, below the root, and without "..": what is mounted and removed must be what is written.
    /// </summary>
    public static string ParsePath(string field, string path)
    {
        if (path.Length == 0)
        {
            throw new RpcException(RpcCode.InvalidArgument, $"{field} is missing");
        }

        if (Encoding.UTF8.GetByteCount(path) is > MaxPath and var bytes)
        {
            throw new RpcException(RpcCode.InvalidArgument, $"{field} has {bytes} bytes; at most {MaxPath} are allowed");
        }

        string[] names = [.. path.Split('/').Where(name => name is not ("" or "."))];
        return Path.IsPathRooted(path) && names.Length > 0 && !names.Contains("..") && !path.Contains('\0')
            ? "/" + string.Join('/', names)
            : throw new RpcException(RpcCode.InvalidArgument, $"{field}: '{path}' is not an absolute path without '..'");
    }

    /// <summary>CSI specification, "CreateVolumeRequest.name": what no name may hold.</summary>
    private static bool IsBanned(char c) => char.IsControl(c) && c is not ('\t' or '\n' or '\r');
}
