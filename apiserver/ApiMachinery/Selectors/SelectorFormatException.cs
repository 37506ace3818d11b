namespace AiModels.ApiMachinery.Selectors;

/// <summary>A selector that cannot be read. The message is upstream's (contract L11, L12) and becomes the text of a 400 BadRequest.</summary>
public sealed class SelectorFormatException(string message) : Exception(message);
