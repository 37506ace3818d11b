namespace AiModels.Controllers.Preparation.Formats;

/// <summary>Weights in formats that are never prepared when the chosen format is there: pickles, TensorFlow, ONNX and their like.</summary>
internal static class OtherWeights
{
    private static readonly string[] Extensions =
    [
        ".bin", ".pt", ".pth", ".ckpt", ".h5", ".msgpack", ".onnx", ".onnx_data", ".ot", ".tflite", ".pkl", ".pickle", ".joblib", ".npz", ".keras", ".mlmodel", ".llamafile",
    ];

    public static bool Contains(SourceFile file)
    {
        string name = file.Name.ToLowerInvariant();
        return Extensions.Any(name.EndsWith)
            || name.StartsWith("consolidated.", StringComparison.Ordinal)
            || file.Path.StartsWith("original/", StringComparison.Ordinal);
    }
}
