namespace AiModels.ApiMachinery.Admission.Cel;

/// <summary>An expression that does not parse, or cannot be evaluated on these values; with words like cel-go's.</summary>
public sealed class CelException(string message) : Exception(message);
