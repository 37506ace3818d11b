namespace AiModels.Hosting.CommandLine;

/// <summary>The process cannot start as it was asked to. The message is one line that names the option and what would be right; the exit code is 2.</summary>
public sealed class BadOptionException(string message) : Exception(message);
