namespace AiModels.ModelPack.Format;

/// <summary>An artifact, or files that should become one, break the format. The message names what and where.</summary>
public sealed class ModelPackFormatException(string message, Exception? inner = null) : FormatException(message, inner);
