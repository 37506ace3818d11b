using AiModels.ApiMachinery.Storage;
using AiModels.ApiServer;
using AiModels.ApiServer.Installation;
using AiModels.ApiServer.Storage;
using AiModels.Hosting;
using AiModels.Hosting.CommandLine;

return await new CommandLineApplication("apiserver", "Serves the API group ai.deckhouse.io: models, their uploads and their progress.")
    .Root<ApiServerOptions>(async (options, stop) =>
    {
        WebApplicationBuilder builder = ComponentHosting.CreateBuilder("apiserver");
        builder.AddAiModelsApi(options);
        await using WebApplication app = builder.Build();
        app.MapAiModelsApi();
        try
        {
            await ((IHost)app).RunAsync(stop);
            return 0;
        }
        catch (Exception cause) when (cause is StoreUnavailableException or IOException)
        {
            // A database that another process has, a port that is taken: one line, not a stack.
            await Console.Error.WriteLineAsync($"apiserver: {cause.Message}");
            return 1;
        }
    })
    .Verb<CertificatesOptions>("certificates", "Makes and renews the certificates and keys of an installation, and tells the host cluster whom to trust.", CertificatesCommand.RunAsync)
    .Verb<CopyStorageOptions>("copy-storage", "Copies all objects of one store into another, empty one, while no server runs.", CopyStorageCommand.RunAsync)
    .RunAsync(args);
