using AiModels.Hosting.CommandLine;
using AiModels.NodeAgent;

return await new CommandLineApplication("nodeagent", "Brings models from the registry onto a node.")
    .Verb<MaterializeOptions>("materialize", "Writes one model into a folder, verified, and ends.", MaterializeCommand.RunAsync)
    .Verb<RemoveOptions>("remove", "Removes models that 'materialize' wrote.", RemoveCommand.RunAsync)
    .Verb<ServeOptions>("serve", "Keeps the node's cache of models for the CSI driver.", async (options, cancellationToken) =>
    {
        await using WebApplication app = NodeAgentApplication.Create(options);
        await app.StartAsync(cancellationToken);
        await app.WaitForShutdownAsync(cancellationToken);
        return 0;
    })
    .RunAsync(args);
