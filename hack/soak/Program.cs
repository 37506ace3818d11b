using AiModels.Hosting.CommandLine;
using AiModels.Soak;

return await new CommandLineApplication("soak", "Writers, watchers and kills against real API servers; proves that every watcher saw each change once and in order.")
    .Root<SoakOptions>(async (options, stop) =>
    {
        SoakReport report = await SoakRun.RunAsync(options, Console.Out, stop);
        foreach (string failure in report.Failures)
        {
            await Console.Error.WriteLineAsync($"soak: {failure}");
        }

        await Console.Out.WriteLineAsync(report.Summary);
        return report.Failures.Count == 0 ? 0 : 1;
    })
    .RunAsync(args);
