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
        using IDisposable place = locks.AcquireTarget(publish.TargetPath);
        RefuseLink(publish.TargetPath);
        if (await FolderAsync(publish, context.CancellationToken) is not { } folder)
        {
            return new NodePublishVolumeResponse();
        }

        try
        {
            Mount(folder, publish.TargetPath);
        }
        catch (IOException e)
        {
            if (mounter.Shown(publish.TargetPath) is null)
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
        string target = VolumeArguments.ParsePath("target_path", request.TargetPath);
        using IDisposable held = locks.Acquire(request.VolumeId);
        using IDisposable place = locks.AcquireTarget(target);
        try
        {
            Unmount(target);
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

        if (mounter.Shown(request.VolumePath) is not { IsWholeFileSystem: false })
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
        VolumeArguments.ParsePath("volume_path", request.VolumePath);
        throw new RpcException(RpcCode.Unimplemented, $"volume {request.VolumeId} shows a model, which cannot be expanded");
    }

    public Task<NodeGetCapabilitiesResponse> GetCapabilities(NodeGetCapabilitiesRequest request, RpcContext context) => Task.FromResult(new NodeGetCapabilitiesResponse
    {
        Capabilities = { new NodeServiceCapability { Rpc = new() { Type = NodeServiceCapability.Types.RPC.Types.Type.GetVolumeStats } } },
    });

    public Task<NodeGetInfoResponse> GetInfo(NodeGetInfoRequest request, RpcContext context) =>
        Task.FromResult(new NodeGetInfoResponse { NodeId = options.NodeId });

    /// <summary>
    /// The folder to mount, or null when the model is mounted already and stays so. The agent is asked on every repetition too: it keeps the lease, and knows the model's folder.
    /// But kubelet repeats the call for Pods that run, after it was restarted, and they keep what they have: also when their model was deleted, is fetched again, or the agent is
    /// away. A refusal would take nothing away from them, and keep kubelet from looking after their containers.
    /// </summary>
    private async Task<string?> FolderAsync(PublishRequest publish, CancellationToken cancellationToken)
    {
        if (publish.Model is not { } model)
        {
            return volumes.EmptyFolder;
        }

        bool isThere = mounter.Shown(publish.TargetPath) is { IsReadOnly: true } shown && shown.IsModel(model.Digest);
        try
        {
            string folder = await agent.EnsureAsync(model, cancellationToken);
            return isThere ? null : folder;
        }
        catch (RpcException e) when (isThere)
        {
            Log.StaysMounted(logger, publish.VolumeId, e.Message);
            return null;
        }
    }

    private void Mount(string folder, string target)
    {
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
        while (mounter.Shown(target) is { } shown)
        {
            if (shown.IsWholeFileSystem)
            {
                throw new RpcException(RpcCode.FailedPrecondition, $"target_path {target} is a file system that this driver did not mount");
            }

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

        [LoggerMessage(2, LogLevel.Warning, "volume {VolumeId} stays mounted as it is: {Reason}")]
        public static partial void StaysMounted(ILogger logger, string volumeId, string reason);
    }
}
