using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace AiModels.TestKit;

/// <summary>The bytes of a file of a fake hub: in memory, or in a file for those that are too large for it.</summary>
public abstract class FakeContent
{
    public abstract long Length { get; }

    /// <summary>64 lower-case hex digits.</summary>
    public abstract string Sha256 { get; }

    /// <summary>What git calls these bytes: the SHA-1 of a blob.</summary>
    public abstract string GitOid { get; }

    /// <summary>Fills the target from an offset on.</summary>
    public abstract ValueTask ReadAsync(long offset, Memory<byte> target, CancellationToken cancellationToken);

    public static FakeContent Of(byte[] bytes) => new InMemory(bytes);

    public static FakeContent OfFile(string path) => new InFile(path);

    /// <summary>The SHA-1 of a git blob with this content.</summary>
    public static string GitOidOf(ReadOnlySpan<byte> content)
    {
        byte[] whole = [.. Encoding.ASCII.GetBytes("blob " + content.Length.ToString(CultureInfo.InvariantCulture) + "\0"), .. content];
#pragma warning disable CA5350 // Git's own.
        return Convert.ToHexStringLower(SHA1.HashData(whole));
#pragma warning restore CA5350
    }

    private sealed class InMemory(byte[] bytes) : FakeContent
    {
        private readonly Lazy<string> _sha256 = new(() => Convert.ToHexStringLower(SHA256.HashData(bytes)));

        public override long Length => bytes.Length;
        public override string Sha256 => _sha256.Value;
        public override string GitOid => GitOidOf(bytes);

        public override ValueTask ReadAsync(long offset, Memory<byte> target, CancellationToken cancellationToken)
        {
            bytes.AsMemory((int)offset, target.Length).CopyTo(target);
            return ValueTask.CompletedTask;
        }
    }

    private sealed class InFile : FakeContent
    {
        private readonly Microsoft.Win32.SafeHandles.SafeFileHandle _file;
        private readonly Lazy<string> _sha256;

        public InFile(string path)
        {
            _file = File.OpenHandle(path);
            Length = RandomAccess.GetLength(_file);
            _sha256 = new(() =>
            {
                using FileStream stream = File.OpenRead(path);
                return Convert.ToHexStringLower(SHA256.HashData(stream));
            });
        }

        public override long Length { get; }
        public override string Sha256 => _sha256.Value;

        // Files too large for memory are in LFS, where git knows the pointer only.
        public override string GitOid => throw new NotSupportedException("A file outside of memory has no git blob.");

        public override async ValueTask ReadAsync(long offset, Memory<byte> target, CancellationToken cancellationToken)
        {
            while (target.Length > 0)
            {
                int read = await RandomAccess.ReadAsync(_file, target, offset, cancellationToken);
                (offset, target) = read > 0 ? (offset + read, target[read..]) : throw new EndOfStreamException("The file has become shorter.");
            }
        }
    }
}
