using System.Text;
using AiModels.ApiMachinery.Storage;
using Google.Protobuf;

namespace AiModels.EtcdStore;

/// <summary>Object keys as etcd keys: the prefix of this installation, then <see cref="ObjectKey.ToString"/>. UTF-8 keeps the bytewise order.</summary>
internal sealed class EtcdKeys(string prefix)
{
    private readonly int _prefixBytes = Encoding.UTF8.GetByteCount(prefix);

    /// <summary>Everything of this installation.</summary>
    public (ByteString Start, ByteString End) All { get; } = (ByteString.CopyFromUtf8(prefix + "/"), ByteString.CopyFromUtf8(prefix + "0"));

    public ByteString Of(string path) => ByteString.CopyFromUtf8(prefix + path);

    /// <summary>First key that is not under a prefix; prefixes end with a slash, and '0' follows it.</summary>
    public ByteString EndOf(string pathPrefix) => pathPrefix.Length > 0 && pathPrefix[^1] == '/'
        ? ByteString.CopyFromUtf8(string.Concat(prefix, pathPrefix.AsSpan(0, pathPrefix.Length - 1), "0"))
        : throw new ArgumentException($"A key prefix ends with a slash; '{pathPrefix}' does not.", nameof(pathPrefix));

    /// <summary>The first key after this one.</summary>
    public ByteString After(string path) => ByteString.CopyFromUtf8(prefix + path + "\0");

    public string PathOf(ByteString key) => Encoding.UTF8.GetString(key.Span[_prefixBytes..]);
}
