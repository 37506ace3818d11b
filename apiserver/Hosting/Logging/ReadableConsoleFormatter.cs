using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Console;

namespace AiModels.Hosting.Logging;

/// <summary>One line an entry, made to be read: <c>12:34:56.789 INFO  registry  Listening on https://…  (Server)</c>. Exceptions follow, indented.</summary>
internal sealed class ReadableConsoleFormatter(ComponentName component, TimeProvider time) : ConsoleFormatter(FormatterName)
{
    public const string FormatterName = "readable";

    public override void Write<TState>(in LogEntry<TState> logEntry, IExternalScopeProvider? scopeProvider, TextWriter textWriter)
    {
        string message = logEntry.Formatter(logEntry.State, logEntry.Exception);
        string category = logEntry.Category[(logEntry.Category.LastIndexOf('.') + 1)..];
        textWriter.Write($"{time.GetUtcNow():HH:mm:ss.fff} {Level(logEntry.LogLevel)} {component.Name,-11} {message.ReplaceLineEndings(" ")}  ({category})\n");
        if (logEntry.Exception is { } exception) textWriter.Write("    " + exception.ToString().ReplaceLineEndings("\n    ") + "\n");
    }

    private static string Level(LogLevel level) => level switch
    {
        LogLevel.Critical => "FATAL",
        LogLevel.Error => "ERROR",
        LogLevel.Warning => "WARN ",
        LogLevel.Information => "INFO ",
        LogLevel.Debug => "DEBUG",
        _ => "TRACE",
    };
}

/// <summary>Which of the components a log line is from: several may share one process.</summary>
internal sealed record ComponentName(string Name);
