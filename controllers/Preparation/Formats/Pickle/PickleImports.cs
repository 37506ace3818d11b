namespace AiModels.Controllers.Preparation.Formats.Pickle;

/// <summary>
/// What a pickle of weights may import: the few names that a state dict is made of. A list of what is forbidden would always be evaded; everything that is
/// not here is refused, whatever it is.
/// </summary>
internal static class PickleImports
{
    private static readonly string[] Storages =
    [
        "Long", "Float", "Half", "QUInt2x4", "QUInt4x2", "QInt32", "QInt8", "QUInt8", "ComplexFloat", "ComplexDouble", "Double", "BFloat16", "Bool", "Char",
        "Short", "Int", "Byte",
    ];

    private static readonly HashSet<(string Module, string Name)> Allowed =
    [
        ("collections", "OrderedDict"),
        ("torch._utils", "_rebuild_tensor_v2"),
        ("torch._utils", "_rebuild_parameter"),
        ("numpy", "dtype"),
        ("numpy", "ndarray"),
        ("numpy.core.multiarray", "_reconstruct"),
        ("numpy._core.multiarray", "_reconstruct"),
        .. Storages.Select(storage => ("torch", storage + "Storage")),
    ];

    /// <summary>Exact: neither a submodule nor a dotted name (which Python would follow as attributes) passes.</summary>
    public static bool IsAllowed(string module, string name) => Allowed.Contains((module, name));
}
