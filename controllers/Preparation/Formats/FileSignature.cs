namespace AiModels.Controllers.Preparation.Formats;

/// <summary>What the first bytes of a file say it is, whatever it is called: the kinds that have no place in a model (requirement Q1).</summary>
internal static class FileSignature
{
    /// <summary>What the file is, in words, or null when nothing speaks against it.</summary>
    public static string? Unwanted(ReadOnlySpan<byte> start)
    {
        if (start.StartsWith("\x7fELF"u8))
        {
            return "a program or shared library (ELF)";
        }

        if (start.Length >= 64 && start.StartsWith("MZ"u8) && start[2..64].Contains((byte)0))
        {
            return "a program or shared library (PE)";
        }

        if (start.Length >= 8 && IsMachO(start))
        {
            return "a program or shared library (Mach-O)";
        }

        return null;
    }

    private static bool IsMachO(ReadOnlySpan<byte> start) =>
        start.StartsWith((ReadOnlySpan<byte>)[0xFE, 0xED, 0xFA, 0xCE]) || start.StartsWith((ReadOnlySpan<byte>)[0xFE, 0xED, 0xFA, 0xCF])
        || start.StartsWith((ReadOnlySpan<byte>)[0xCE, 0xFA, 0xED, 0xFE]) || start.StartsWith((ReadOnlySpan<byte>)[0xCF, 0xFA, 0xED, 0xFE]);
}
