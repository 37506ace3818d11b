using AiModels.Controllers;
using AiModels.Controllers.Preparation.Jobs;
using AiModels.Hosting.CommandLine;

return await new CommandLineApplication("controllers", "The controllers of AI Models: prepare models and deliver them to workloads.")
    .Verb<ControllersOptions>("run", "Runs all controllers.", ControllersProgram.RunAsync)
    .Verb<PrepareOptions>("prepare", "Prepares one model and ends: what a preparation Job runs.", PrepareCommand.RunAsync)
    .RunAsync(args);
