using AiModels.ApiMachinery.Storage;
using AiModels.ApiServer;
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
    .RunAsync(args);
