using System.IO.Compression;
using System.Text;

namespace AiModels.Controllers.Tests.Preparation.Formats.Pickle;

/// <summary>Writes what torch.save writes, for tests.</summary>
internal static class TorchZip
{
    private static readonly string[] Legacy = ["80028a0a6cfc9c46f9206aa850192e", "80024de9032e", "80027d71002858010000006171014b01752e"];

    /// <summary>The zip form: entries stored, one raw storage behind the pickle.</summary>
    public static byte[] Of(byte[] pickle, params (string Path, byte[] Content)[] more)
    {
        using var stream = new MemoryStream();
        using (var zip = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach ((string path, byte[] content) in ((string, byte[])[])
                [("archive/data.pkl", pickle), ("archive/byteorder", "little"u8.ToArray()), ("archive/data/0", new byte[64]), ("archive/version", "3\n"u8.ToArray()), .. more])
            {
                using Stream entry = zip.CreateEntry(path, CompressionLevel.NoCompression).Open();
                entry.Write(content);
            }
        }

        return stream.ToArray();
    }

    /// <summary>The form of before torch 1.6: magic, protocol, system information, the object, keys, then raw storages.</summary>
    public static byte[] OfLegacy(byte[] pickle) =>
        [.. Legacy.SelectMany(Convert.FromHexString), .. pickle, .. Convert.FromHexString("80025d71002e"), .. Encoding.ASCII.GetBytes("raw storages follow: cos\nsystem\n")];

    public static byte[] StateDict(int protocol = 2) => Convert.FromHexString(PickleVectors.StateDicts[protocol]);
}
