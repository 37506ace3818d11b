namespace AiModels.ModelPack;

/// <summary>A file that is written out of order.</summary>
public interface IFileTarget
{
    /// <summary>
    /// Writes bytes at an offset of the file. Called for several chunks at once, never for overlapping ranges. The memory is page-aligned and
    /// the offset, but for artifacts of other makers, a multiple of 2 MiB: fit for O_DIRECT but for the length of the file's last piece.
    /// What was written does not count before its chunk has been reported as verified.
    /// </summary>
    ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken);
}
