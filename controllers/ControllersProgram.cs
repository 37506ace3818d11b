using AiModels.Hosting;

namespace AiModels.Controllers;

/// <summary>The verbs of the executable.</summary>
internal static class ControllersProgram
{
    /// <summary><c>controllers run</c>.</summary>
    public static async Task<int> RunAsync(ControllersOptions options, CancellationToken cancellationToken)
    {
        WebApplicationBuilder builder = ComponentHosting.CreateBuilder("controllers");
        builder.WebHost.UseUrls(options.Listen);
        builder.AddAiModelsControllers(options);
        await using WebApplication app = builder.Build();
        app.MapComponentEndpoints();
        await app.RunAsync(cancellationToken);
        return 0;
    }
}
