namespace AiModels.ApiServer.Tests.ApiServer;

/// <summary>ApiServer and registry as a process of its own that tests can kill: FOLDER PORT REGISTRY-PORT. Says <c>ready</c> when it serves.</summary>
internal static class UploadServerChild
{
    public const string Name = "upload-server";

    public static async Task<int> RunAsync(string[] arguments)
    {
        await using RunningServer server = await RunningServer.StartAsync(arguments[0], int.Parse(arguments[1]), int.Parse(arguments[2]));
        Console.WriteLine("ready");
        await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, CancellationToken.None);
        return 0;
    }
}
