using AiModels.Hosting.CommandLine;
using AiModels.Registry;
using AiModels.Registry.Inspection;

// What is explained needs no option's name.
if (args is ["explain", var digest, ..] && !digest.StartsWith('-'))
{
    args = ["explain", "--digest", .. args[1..]];
}

return await new CommandLineApplication("registry", "The internal OCI registry of AI Models: keeps the bytes of all models.")
    .Verb<RegistryOptions>("serve", "Serves the registry.", RegistryProgram.ServeAsync)
    .Verb<DuOptions>("du", "Tells which model keeps how many bytes.", InspectCommands.DuAsync)
    .Verb<ExplainOptions>("explain", "Tells what keeps a digest, and where it lies: registry explain sha256:HEX.", InspectCommands.ExplainAsync)
    .Verb<GcOptions>("gc", "Runs a garbage collection, or with --dry-run explains it.", InspectCommands.GcAsync)
    .Verb<RevokeOptions>("revoke", "Takes back a grant, or all that a consumer has.", InspectCommands.RevokeAsync)
    .RunAsync(args);
