using AiModels.Hosting.CommandLine;
using AiModels.Registry;

return await new CommandLineApplication("registry", "The internal OCI registry of AI Models: keeps the bytes of all models.")
    .Verb<RegistryOptions>("serve", "Serves the registry.", RegistryProgram.ServeAsync)
    .RunAsync(args);
