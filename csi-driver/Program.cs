using AiModels.CsiDriver;
using AiModels.Hosting.CommandLine;

return await new CommandLineApplication("csi-driver", "Mounts models from the node's cache into Pods (Container Storage Interface).")
    .Root<CsiDriverOptions>(async (options, cancellationToken) =>
    {
        await using WebApplication app = CsiDriverApplication.Create(options);
        await app.StartAsync(cancellationToken);
        await app.WaitForShutdownAsync(cancellationToken);
        return 0;
    })
    .RunAsync(args);
