using AiModels.Hosting;
using AiModels.NodeAgent.Materialization;

namespace AiModels.NodeAgent;

/// <summary>'nodeagent remove': models that nobody reads any more, from a shared claim.</summary>
public static partial class RemoveCommand
{
    /// <summary>0 when none of the targets is there any more; 1, with a line that says why, when one is.</summary>
    public static async Task<int> RunAsync(RemoveOptions options, CancellationToken cancellationToken)
    {
        await using ServiceProvider services = new ServiceCollection().AddComponentLogging("nodeagent").BuildServiceProvider();
        ILogger logger = services.GetRequiredService<ILoggerFactory>().CreateLogger("AiModels.NodeAgent.Remove");
        int failed = 0;
        foreach (string target in options.Target)
        {
            cancellationToken.ThrowIfCancellationRequested();
            try
            {
                FinishedModel.Remove(new TargetPaths(target));
                Log.Removed(logger, target);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                Log.Failed(logger, target, e.Message);
                failed++;
            }
        }

        return failed == 0 ? 0 : 1;
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Information, "{Target} is removed")]
        public static partial void Removed(ILogger logger, string target);

        [LoggerMessage(2, LogLevel.Error, "{Target} could not be removed: {Reason}")]
        public static partial void Failed(ILogger logger, string target, string reason);
    }
}
