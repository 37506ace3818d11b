using System.Runtime.InteropServices;

namespace AiModels.ModelPack.Compression;

/// <summary>The few functions of libzstd that are needed (https://facebook.github.io/zstd/doc/api_manual_latest.html).</summary>
internal static unsafe partial class LibZstd
{
    /// <summary>The soname; every Debian has it, because dpkg itself needs it.</summary>
    public const string Library = "libzstd.so.1";

    // ZSTD_cParameter values; they are part of the ABI.
    public const int CompressionLevel = 100;

    [LibraryImport(Library)]
    public static partial nint ZSTD_createCCtx();

    [LibraryImport(Library)]
    public static partial nuint ZSTD_freeCCtx(nint context);

    [LibraryImport(Library)]
    public static partial nuint ZSTD_CCtx_setParameter(nint context, int parameter, int value);

    [LibraryImport(Library)]
    public static partial nuint ZSTD_compress2(nint context, byte* destination, nuint capacity, byte* source, nuint length);

    [LibraryImport(Library)]
    public static partial nint ZSTD_createDCtx();

    [LibraryImport(Library)]
    public static partial nuint ZSTD_freeDCtx(nint context);

    [LibraryImport(Library)]
    public static partial nuint ZSTD_decompressDCtx(nint context, byte* destination, nuint capacity, byte* source, nuint length);

    [LibraryImport(Library)]
    public static partial nuint ZSTD_compressBound(nuint length);

    [LibraryImport(Library)]
    public static partial uint ZSTD_isError(nuint code);

    [LibraryImport(Library)]
    private static partial nint ZSTD_getErrorName(nuint code);

    public static string ErrorName(nuint code) => Marshal.PtrToStringUTF8(ZSTD_getErrorName(code)) ?? "unknown error";
}
