using AiModels.CsiDriver.Mounting;
using AiModels.CsiDriver.Protos;
using AiModels.CsiDriver.Requests;
using AiModels.CsiDriver.Volumes;
using AiModels.Hosting.Grpc;

namespace AiModels.CsiDriver.Services;

/// <summary>csi.v1.Node: check, ask the agent, mount. Repeating a call is a success with the same result.</summary>
internal sealed partial class NodeService(CsiDriverOptions options, INodeAgentClient agent, IMounter mounter, VolumeStore volumes, VolumeLocks locks, ILogger<NodeService> logger)
{
    public async Task<NodePublishVolumeResponse> PublishAsync(NodePublishVolumeRequest request, RpcContext context)
    {
        PublishRequest publish = PublishRequest.Parse(request);
        using IDisposable held = locks.Acquire(publish.VolumeId);

        // The agent is asked on every repetition too: it is the one who knows whether this Pod may (still) have the model.
        string folder = publish.Model is { } model ? await agent.EnsureAsync(model, context.CancellationToken) : volumes.EmptyFolder;
        try
        {
            Mount(folder, publish.TargetPath);
        }
        catch (IOException e)
        {
            if (!mounter.IsMounted(publish.TargetPath))
            {
                await TryReleaseAsync(publish.VolumeId);
            }

            throw new RpcException(RpcCode.Internal, e.Message, e);
        }

        return new NodePublishVolumeResponse();
    }

    public async Task<NodeUnpublishVolumeResponse> UnpublishAsync(NodeUnpublishVolumeRequest request, RpcContext context)
    {
        VolumeArguments.CheckVolumeId(request.VolumeId);
        VolumeArguments.CheckPath("target_path", request.TargetPath);
        using IDisposable held = locks.Acquire(request.VolumeId);
        try
        {
            Unmount(request.TargetPath);
        }
        catch (IOException e)
        {
            throw new RpcException(RpcCode.Internal, e.Message, e);
        }

        await TryReleaseAsync(request.VolumeId);
        return new NodeUnpublishVolumeResponse();
    }

    /// <summary>The model's own bytes and files, and not those of the disk that the cache shares among models.</summary>
    public Task<NodeGetVolumeStatsResponse> GetVolumeStats(NodeGetVolumeStatsRequest request, RpcContext context)
    {
        VolumeArguments.CheckVolumeId(request.VolumeId);
        if (request.VolumePath.Length == 0)
        {
            throw new RpcException(RpcCode.InvalidArgument, "volume_path is missing");
        }

        if (!mounter.IsMounted(request.VolumePath))
        {
            throw new RpcException(RpcCode.NotFound, $"volume {request.VolumeId} is not published at {request.VolumePath}");
        }

        long bytes = 0, files = 0;
        foreach (FileInfo file in new DirectoryInfo(request.VolumePath).EnumerateFiles("*", SearchOption.AllDirectories))
        {
            bytes += file.Length;
            files++;
        }

        return Task.FromResult(new NodeGetVolumeStatsResponse
        {
            Usage =
            {
                new VolumeUsage { Unit = VolumeUsage.Types.Unit.Bytes, Total = bytes, Used = bytes },
                new VolumeUsage { Unit = VolumeUsage.Types.Unit.Inodes, Total = files, Used = files },
            },
        });
    }

    /// <summary>Not announced, and refused with the reason: a model has the size it has.</summary>
    public Task<NodeExpandVolumeResponse> ExpandVolume(NodeExpandVolumeRequest request, RpcContext context)
    {
        VolumeArguments.CheckVolumeId(request.VolumeId);
        VolumeArguments.CheckPath("volume_path", request.VolumePath);
        throw new RpcException(RpcCode.Unimplemented, $"volume {request.VolumeId} shows a model, which cannot be expanded");
    }

    public Task<NodeGetCapabilitiesResponse> GetCapabilities(NodeGetCapabilitiesRequest request, RpcContext context) => Task.FromResult(new NodeGetCapabilitiesResponse
    {
        Capabilities = { new NodeServiceCapability { Rpc = new() { Type = NodeServiceCapability.Types.RPC.Types.Type.GetVolumeStats } } },
    });

    public Task<NodeGetInfoResponse> GetInfo(NodeGetInfoRequest request, RpcContext context) =>
        Task.FromResult(new NodeGetInfoResponse { NodeId = options.NodeId });

    private void Mount(string folder, string target)
    {
        RefuseLink(target);
        if (File.Exists(target))
        {
            throw new RpcException(RpcCode.FailedPrecondition, $"target_path {target} is a file: a model is mounted on a folder");
        }

        Directory.CreateDirectory(target);
        switch (mounter.Find(target, folder))
        {
            case null:
                mounter.BindReadOnly(folder, target);
                break;
            case { IsExpectedSource: false }:
                throw new RpcException(RpcCode.AlreadyExists, $"something other than {folder} is mounted at {target}");
            case { IsReadOnly: false }:
                mounter.RemountReadOnly(target); // an earlier call died between its two steps
                break;
        }
    }

    /// <summary>kubelet makes folders. A link was put there by somebody else, and what it shows is not ours to mount on, to unmount or to remove.</summary>
    private static void RefuseLink(string target)
    {
        if (new FileInfo(target).LinkTarget is { } elsewhere)
        {
            throw new RpcException(RpcCode.FailedPrecondition, $"target_path {target} is a symbolic link to {elsewhere}: a model is mounted on a folder");
        }
    }

    private void Unmount(string target)
    {
        RefuseLink(target);
        while (mounter.IsMounted(target))
        {
            mounter.Unmount(target);
        }

        if (Directory.Exists(target))
        {
            Directory.Delete(target); // fails on a folder with content: what is not ours is never removed
        }
    }

    /// <summary>
    /// A volume must come off also when the agent is away: Pods of users never wait for our components. The agent drops leases of Pods that are gone by itself.
    /// </summary>
    private async Task TryReleaseAsync(string volumeId)
    {
        try
        {
            await agent.ReleaseAsync(volumeId, CancellationToken.None);
        }
        catch (RpcException e)
        {
            Log.LeaseKept(logger, volumeId, e.Message);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Warning, "the lease of volume {VolumeId} could not be given back: {Reason}")]
        public static partial void LeaseKept(ILogger logger, string volumeId, string reason);
    }
}
