namespace AiModels.ModelPack.Oci;

/// <summary>A document that breaks its format. <see cref="Field"/> is the path of what is wrong, for instance <c>layers[3].digest</c>.</summary>
public sealed class OciFormatException : FormatException
{
    public OciFormatException(string field, string problem, Exception? inner = null)
        : base($"{field}: {problem}", inner)
    {
        Field = field;
        Problem = problem;
    }

    /// <summary>Path of the field, or the name of the document when it cannot be read at all.</summary>
    public string Field { get; }

    /// <summary>What is wrong with it.</summary>
    public string Problem { get; }
}
