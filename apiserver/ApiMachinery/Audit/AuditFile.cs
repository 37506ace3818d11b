using System.Globalization;

namespace AiModels.ApiMachinery.Audit;

/// <summary>A file that lines are added to, rotated by size as upstream's (gopkg.in/natefinch/lumberjack: NAME-2006-01-02T15-04-05.000.EXT).</summary>
internal sealed class AuditFile(AuditOptions options, TimeProvider time) : IDisposable
{
    private const string Stamp = "yyyy-MM-ddTHH-mm-ss.fff";
    private const int Megabyte = 1024 * 1024;
    private Stream? _stream;
    private long _length;

    /// <summary>Adds bytes to the buffer; rotates before, when they would not fit.</summary>
    public void Write(ReadOnlySpan<byte> line)
    {
        Stream stream = _stream ?? Open();
        if (options.MaximumMegabytes > 0 && options.Path != "-" && _length > 0 && _length + line.Length > (long)options.MaximumMegabytes * Megabyte)
        {
            Rotate();
            stream = Open();
        }

        stream.Write(line);
        _length += line.Length;
    }

    /// <summary>Hands what was written to the system.</summary>
    public void Flush() => _stream?.Flush();

    public void Dispose()
    {
        _stream?.Dispose();
        _stream = null;
    }

    private Stream Open()
    {
        if (options.Path == "-")
        {
            return _stream = Console.OpenStandardOutput();
        }

        string path = Path.GetFullPath(options.Path);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);

        // Whoever reads or rotates the file from outside may do so; only its owner may read who did what.
        var file = new FileStream(path, new FileStreamOptions
        {
            Mode = FileMode.Append,
            Access = FileAccess.Write,
            Share = FileShare.ReadWrite | FileShare.Delete,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        });
        _length = file.Length;
        return _stream = file;
    }

    private void Rotate()
    {
        Dispose();
        string path = Path.GetFullPath(options.Path), folder = Path.GetDirectoryName(path)!;
        string name = Path.GetFileNameWithoutExtension(path), extension = Path.GetExtension(path);
        File.Move(path, Path.Combine(folder, $"{name}-{time.GetUtcNow().UtcDateTime.ToString(Stamp, CultureInfo.InvariantCulture)}{extension}"), overwrite: true);
        string[] newestFirst = [.. Directory.GetFiles(folder, $"{name}-*{extension}").Where(file => TimeOf(file, name) is not null).OrderDescending(StringComparer.Ordinal)];
        for (int i = 0; i < newestFirst.Length; i++)
        {
            bool isTooMany = options.MaximumBackups > 0 && i >= options.MaximumBackups;
            bool isTooOld = options.MaximumDays > 0 && TimeOf(newestFirst[i], name) < time.GetUtcNow().UtcDateTime.AddDays(-options.MaximumDays);
            if (isTooMany || isTooOld)
            {
                File.Delete(newestFirst[i]);
            }
        }
    }

    private static DateTime? TimeOf(string file, string name) =>
        DateTime.TryParseExact(
            Path.GetFileNameWithoutExtension(file)[(name.Length + 1)..], Stamp, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out DateTime at)
            ? at
            : null;
}
