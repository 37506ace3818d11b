using AiModels.Hosting.CommandLine;
using AiModels.LocalCluster;

return await new CommandLineApplication("local-cluster", "All of AI Models in one process on loopback, beside a stand-in for the host cluster. For development and tests.")
    .Root<LocalClusterOptions>(LocalClusterProgram.RunAsync)
    .RunAsync(args);
