using AiModels.Controllers;
using AiModels.Hosting.CommandLine;

return await new CommandLineApplication("controllers", "The controllers of AI Models: prepare models and deliver them to workloads.")
    .Verb<ControllersOptions>("run", "Runs all controllers.", ControllersProgram.RunAsync)
    .RunAsync(args);
