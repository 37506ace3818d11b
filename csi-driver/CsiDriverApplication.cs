using AiModels.CsiDriver.Mounting;
using AiModels.CsiDriver.Services;
using AiModels.CsiDriver.Volumes;
using AiModels.Hosting;
using AiModels.Hosting.Grpc;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace AiModels.CsiDriver;

/// <summary>The composition of the driver: services on its socket, and registration on a second one when asked for.</summary>
public static class CsiDriverApplication
{
    /// <summary>Builds the driver; start it with StartAsync. <paramref name="configure"/> may replace services, for tests and for the all-in-one.</summary>
    public static WebApplication Create(CsiDriverOptions options, Action<WebApplicationBuilder>? configure = null)
    {
        WebApplicationBuilder builder = ComponentHosting.CreateBuilder("csi-driver");
        configure?.Invoke(builder);
        builder.AddCsiDriver(options);
        WebApplication app = builder.Build();
        app.MapCsiDriver();
        return app;
    }

    public static WebApplicationBuilder AddCsiDriver(this WebApplicationBuilder builder, CsiDriverOptions options)
    {
        builder.Services.AddSingleton(options);
        builder.Services.TryAddSingleton(TimeProvider.System);
        builder.Services.TryAddSingleton<IMounter, LinuxMounter>();
        builder.Services.TryAddSingleton<INodeAgentClient, NodeAgentClient>();
        builder.Services.TryAddSingleton<VolumeLocks>();
        builder.Services.TryAddSingleton(_ => new VolumeStore(options.VolumesPath));
        builder.Services.TryAddSingleton<IdentityService>();
        builder.Services.TryAddSingleton<NodeService>();
        builder.Services.TryAddSingleton<ControllerService>();
        builder.Services.TryAddSingleton<RegistrationService>();
        builder.WebHost.UsePrivateSockets();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.ListenGrpc(options.EndpointPath);
            if (options.RegistrationPath is { } registration)
            {
                kestrel.ListenGrpc(registration);
            }
        });
        return builder;
    }

    public static void MapCsiDriver(this WebApplication app)
    {
        var log = app.Services.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(CsiDriverApplication));
        var identity = app.Services.GetRequiredService<IdentityService>();
        app.MapGrpc(CsiMethods.GetPluginInfo, identity.GetPluginInfo);
        app.MapGrpc(CsiMethods.GetPluginCapabilities, identity.GetPluginCapabilities);
        app.MapGrpc(CsiMethods.Probe, identity.Probe);

        var node = app.Services.GetRequiredService<NodeService>();
        app.MapGrpc(CsiMethods.NodePublishVolume, GrpcLogging.Of<Protos.NodePublishVolumeRequest, Protos.NodePublishVolumeResponse>(log, r => r.VolumeId, node.PublishAsync));
        app.MapGrpc(CsiMethods.NodeUnpublishVolume, GrpcLogging.Of<Protos.NodeUnpublishVolumeRequest, Protos.NodeUnpublishVolumeResponse>(log, r => r.VolumeId, node.UnpublishAsync));
        app.MapGrpc(CsiMethods.NodeGetVolumeStats, node.GetVolumeStats);
        app.MapGrpc(CsiMethods.NodeExpandVolume, node.ExpandVolume);
        app.MapGrpc(CsiMethods.NodeGetCapabilities, node.GetCapabilities);
        app.MapGrpc(CsiMethods.NodeGetInfo, node.GetInfo);

        var controller = app.Services.GetRequiredService<ControllerService>();
        app.MapGrpc(CsiMethods.CreateVolume, GrpcLogging.Of<Protos.CreateVolumeRequest, Protos.CreateVolumeResponse>(log, r => r.Name, controller.CreateAsync));
        app.MapGrpc(CsiMethods.DeleteVolume, GrpcLogging.Of<Protos.DeleteVolumeRequest, Protos.DeleteVolumeResponse>(log, r => r.VolumeId, controller.DeleteAsync));
        app.MapGrpc(CsiMethods.ControllerGetCapabilities, controller.GetCapabilities);
        app.MapGrpc(CsiMethods.ValidateVolumeCapabilities, controller.ValidateVolumeCapabilities);

        var registration = app.Services.GetRequiredService<RegistrationService>();
        app.MapGrpc(CsiMethods.GetInfo, registration.GetInfo);
        app.MapGrpc(CsiMethods.NotifyRegistrationStatus, registration.NotifyRegistrationStatus);
        app.MapGrpcUnimplemented();
    }
}
