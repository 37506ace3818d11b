using AiModels.ModelPack.Oci;

namespace AiModels.ModelPack.Format;

/// <summary>What a file is for, in ModelPack's words.</summary>
public enum FileKind
{
    /// <summary>Tensors.</summary>
    Weight,

    /// <summary>What a loader reads beside the tensors: configuration, tokenizers, templates.</summary>
    WeightConfig,

    /// <summary>For people: README, LICENSE.</summary>
    Doc,

    /// <summary>Programs that belong to the model.</summary>
    Code,
}

/// <summary>The kind of a file, told from its name alone: equal names give equal manifests.</summary>
public static class FileKinds
{
    private static readonly HashSet<string> WeightExtensions = new(StringComparer.OrdinalIgnoreCase)
    {
        ".safetensors", ".gguf", ".bin", ".pt", ".pth", ".ckpt", ".onnx", ".h5", ".msgpack", ".ot", ".npz", ".npy", ".pdparams", ".tflite", ".mlmodel", ".ggml",
    };

    private static readonly HashSet<string> DocExtensions = new(StringComparer.OrdinalIgnoreCase)
    {
        ".md", ".rst", ".pdf", ".png", ".jpg", ".jpeg", ".gif", ".svg", ".webp", ".html", ".bib", ".cff",
    };

    private static readonly HashSet<string> CodeExtensions = new(StringComparer.OrdinalIgnoreCase)
    {
        ".py", ".ipynb", ".sh", ".js", ".ts", ".c", ".cc", ".cpp", ".cu", ".h", ".hpp", ".rs", ".go", ".cs", ".java",
    };

    private static readonly string[] DocNames = ["LICENSE", "LICENCE", "NOTICE", "README", "COPYING", "AUTHORS", "CHANGELOG", "USE_POLICY", "SECURITY"];

    /// <summary>Kind of the file at this path.</summary>
    public static FileKind Of(string path)
    {
        string name = path[(path.LastIndexOf('/') + 1)..];
        string extension = Path.GetExtension(name);
        if (WeightExtensions.Contains(extension))
        {
            return FileKind.Weight;
        }

        if (CodeExtensions.Contains(extension))
        {
            return FileKind.Code;
        }

        string stem = Path.GetFileNameWithoutExtension(name);
        return DocExtensions.Contains(extension) || Array.Exists(DocNames, doc => stem.StartsWith(doc, StringComparison.OrdinalIgnoreCase))
            ? FileKind.Doc
            : FileKind.WeightConfig;
    }

    /// <summary>Media type of a layer that holds a whole file of this kind.</summary>
    public static string RawMediaType(this FileKind kind) => kind switch
    {
        FileKind.Weight => MediaTypes.WeightRaw,
        FileKind.Doc => MediaTypes.DocRaw,
        FileKind.Code => MediaTypes.CodeRaw,
        _ => MediaTypes.WeightConfigRaw,
    };
}
