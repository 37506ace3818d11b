using System.IO.Compression;
using AiModels.Controllers.Tests.Preparation.Archives;

namespace AiModels.Controllers.Tests.Preparation.Fuzzing;

/// <summary>Whole uploads: files of a model, each perhaps damaged, in an archive that is perhaps damaged too.</summary>
internal static class UploadGenerator
{
    public static (string Name, byte[] Content) Make(Dice dice)
    {
        (string name, byte[] content) = dice.Below(12) switch
        {
            0 => ("x.gguf", WeightGenerator.Gguf(dice)),
            1 => ("x.safetensors", WeightGenerator.Safetensors(dice)),
            2 => ("x.bin", PickleGenerator.File(dice)),
            _ => Archive(dice),
        };
        return (name, dice.OneIn(2) ? Damage.Do(dice, content) : content);
    }

    private static (string Name, byte[] Content) Archive(Dice dice)
    {
        (string Path, byte[] Content)[] files = dice.Below(3) switch
        {
            0 => [("model_index.json", JsonGenerator.Pipeline(dice)), ("unet/config.json", JsonGenerator.Config(dice)), ("unet/diffusion_pytorch_model.bin", PickleGenerator.File(dice))],
            1 => [("x/m-00001-of-00001.gguf", WeightGenerator.Gguf(dice)), ("x/README.md", JsonGenerator.Card(dice))],
            _ =>
            [
                ("config.json", JsonGenerator.Config(dice)), ("model.safetensors", WeightGenerator.Safetensors(dice)), ("README.md", JsonGenerator.Card(dice)),
                ("model.safetensors.index.json", JsonGenerator.Index(dice)), ("tokenizer_config.json", JsonGenerator.Tokenizer(dice)),
            ],
        };
        for (int i = 0; i < files.Length; i++)
        {
            files[i].Content = dice.OneIn(6) ? Damage.Do(dice, files[i].Content) : files[i].Content;
        }

        if (dice.OneIn(8) && dice.Word() is { Length: > 0 and < 90 } odd && !odd.Contains('\0', StringComparison.Ordinal))
        {
            files = [.. files, (odd, dice.Bytes(dice.Below(2000)))];
        }

        return dice.Below(5) switch
        {
            0 => ("m.zip", Pack.Zip(CompressionLevel.NoCompression, files)),
            1 => ("m.zip", Pack.Zip(files)),
            2 => ("m.tar", Tar(dice, files)),
            3 => ("m.tar.gz", Pack.Gzip(Tar(dice, files))),
            _ => ("m.tar.zst", Pack.Zstd(Tar(dice, files))),
        };
    }

    private static byte[] Tar(Dice dice, (string Path, byte[] Content)[] files)
    {
        byte[] tar = Pack.Tar(dice.Pick(System.Formats.Tar.TarEntryFormat.Pax, System.Formats.Tar.TarEntryFormat.Gnu, System.Formats.Tar.TarEntryFormat.Ustar), files);
        if (!dice.OneIn(4))
        {
            return tar;
        }

        // Damage inside, where a checksum of the compression would not tell; and a header whose own checksum is right again.
        int header = dice.Below(tar.Length / 512) * 512;
        dice.Bytes(dice.Below(12)).CopyTo(tar, header + dice.Pick(0, 100, 124, 156, 257, 345));
        "        "u8.CopyTo(tar.AsSpan(header + 148));
        string sum = Convert.ToString(tar.AsSpan(header, 512).ToArray().Sum(value => value), 8).PadLeft(6, '0');
        System.Text.Encoding.ASCII.GetBytes(sum + "\0 ").CopyTo(tar, header + 148);
        return tar;
    }
}
