using AiModels.CsiDriver.Protos;
using AiModels.CsiDriver.Requests;
using AiModels.CsiDriver.Volumes;
using AiModels.Hosting.Grpc;

namespace AiModels.CsiDriver.Services;

/// <summary>
/// csi.v1.Controller: volumes for claims (PersistentVolumes). One is a name for a model and holds no bytes of its own, so that making it is cheap and gives no right:
/// whether a Pod may see the model is decided when it is mounted, as for a volume that is written into the Pod.
/// </summary>
internal sealed class ControllerService(VolumeStore volumes, VolumeLocks locks)
{
    // CSI specification, "Size Limits".
    private const int MaxName = 128;

    public Task<ControllerGetCapabilitiesResponse> GetCapabilities(ControllerGetCapabilitiesRequest request, RpcContext context) => Task.FromResult(new ControllerGetCapabilitiesResponse
    {
        Capabilities = { new ControllerServiceCapability { Rpc = new() { Type = ControllerServiceCapability.Types.RPC.Types.Type.CreateDeleteVolume } } },
    });

    public Task<CreateVolumeResponse> CreateAsync(CreateVolumeRequest request, RpcContext context)
    {
        CheckName(request.Name);
        CheckCapabilities(request.VolumeCapabilities);
        (long required, long limit) = CapacityOf(request.CapacityRange);
        if (request.VolumeContentSource is not null)
        {
            throw new RpcException(RpcCode.InvalidArgument, "volume_content_source: there are no snapshots and clones of models");
        }

        if (request.MutableParameters.Count > 0)
        {
            throw new RpcException(RpcCode.InvalidArgument, "mutable_parameters: a model does not change");
        }

        Dictionary<string, string> attributes = VolumeParameters.ToAttributes(request.Parameters);
        using IDisposable held = locks.Acquire(request.Name);
        VolumeRecord volume = volumes.GetOrAdd(request.Name, required, attributes);
        return volume.Satisfies(required, limit, attributes)
            ? Task.FromResult(new CreateVolumeResponse { Volume = new Volume { VolumeId = volume.VolumeId, CapacityBytes = volume.CapacityBytes, VolumeContext = { volume.Attributes } } })
            : throw new RpcException(RpcCode.AlreadyExists, $"volume '{request.Name}' exists with {volume.CapacityBytes} bytes and other parameters or another size than asked for");
    }

    /// <summary>A volume that is not there is a success; what is mounted of it stays until it is unpublished.</summary>
    public Task<DeleteVolumeResponse> DeleteAsync(DeleteVolumeRequest request, RpcContext context)
    {
        VolumeArguments.CheckVolumeId(request.VolumeId);
        using IDisposable held = locks.Acquire(request.VolumeId);
        volumes.Remove(request.VolumeId);
        return Task.FromResult(new DeleteVolumeResponse());
    }

    public Task<ValidateVolumeCapabilitiesResponse> ValidateVolumeCapabilities(ValidateVolumeCapabilitiesRequest request, RpcContext context)
    {
        VolumeArguments.CheckVolumeId(request.VolumeId);
        if (request.VolumeCapabilities.Count == 0)
        {
            throw new RpcException(RpcCode.InvalidArgument, "volume_capabilities is missing");
        }

        if (volumes.Find(request.VolumeId) is null)
        {
            throw new RpcException(RpcCode.NotFound, $"there is no provisioned volume {request.VolumeId}");
        }

        try
        {
            CheckCapabilities(request.VolumeCapabilities);
        }
        catch (RpcException e)
        {
            return Task.FromResult(new ValidateVolumeCapabilitiesResponse { Message = e.Message }); // "not confirmed" is an answer, not an error
        }

        return Task.FromResult(new ValidateVolumeCapabilitiesResponse
        {
            Confirmed = new()
            {
                VolumeContext = { request.VolumeContext },
                VolumeCapabilities = { request.VolumeCapabilities },
                Parameters = { request.Parameters },
            },
        });
    }

    private static void CheckName(string name)
    {
        if (name.Length == 0)
        {
            throw new RpcException(RpcCode.InvalidArgument, "name is missing");
        }

        if (name.Length > MaxName)
        {
            throw new RpcException(RpcCode.InvalidArgument, $"name has {name.Length} characters; at most {MaxName} are allowed");
        }
    }

    private static void CheckCapabilities(IReadOnlyCollection<VolumeCapability> capabilities)
    {
        if (capabilities.Count == 0)
        {
            throw new RpcException(RpcCode.InvalidArgument, "volume_capabilities is missing");
        }

        foreach (VolumeCapability capability in capabilities)
        {
            PublishRequest.CheckCapability(capability);
        }
    }

    private static (long Required, long Limit) CapacityOf(CapacityRange? range)
    {
        long required = range?.RequiredBytes ?? 0;
        long limit = range?.LimitBytes ?? 0;
        if (required < 0 || limit < 0)
        {
            throw new RpcException(RpcCode.InvalidArgument, "capacity_range: sizes are not negative");
        }

        return limit == 0 || required <= limit ? (required, limit) : throw new RpcException(RpcCode.OutOfRange, $"capacity_range: {required} bytes are more than the limit, {limit}");
    }
}
