namespace AiModels.Hosting.CommandLine;

/// <summary>A verb of a program: its options and what it does. The name is empty for a program without verbs.</summary>
internal sealed record CommandVerb(
    string Name, string Description, Type OptionsType, IReadOnlyList<OptionDescriptor> Options, Func<object, CancellationToken, Task<int>> Run);
