using System.Text;

namespace AiModels.Controllers.Tests.Preparation.Fuzzing;

/// <summary>GGUF and safetensors files whose numbers are right, mostly.</summary>
internal static class WeightGenerator
{
    public static byte[] Gguf(Dice dice)
    {
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream);
        int pairs = dice.Below(8), tensors = dice.Below(5);
        writer.Write(dice.OneIn(30) ? "GGUX"u8 : "GGUF"u8);
        writer.Write(dice.OneIn(20) ? (uint)dice.Number(3) : dice.Pick(2u, 3u));
        writer.Write(dice.Number((ulong)tensors));
        writer.Write(dice.Number((ulong)pairs + 1));
        Text(dice, writer, "general.architecture");
        Value(dice, writer, 8, 0, "llama");
        for (int i = 0; i < pairs; i++)
        {
            Text(dice, writer, dice.OneIn(2) ? dice.Word() + i : dice.Word());
            Value(dice, writer, (uint)dice.Below(13), 0, dice.Word());
        }

        ulong offset = 0;
        for (int i = 0; i < tensors; i++)
        {
            Text(dice, writer, "t" + i);
            writer.Write(1u);
            writer.Write(dice.Number(32));
            uint type = dice.OneIn(3) ? (uint)dice.Below(45) : dice.Pick(0u, 1u, 2u, 8u);
            writer.Write(type);
            writer.Write(dice.Number(offset));
            offset += 128;
        }

        writer.Write(new byte[-(int)stream.Length & 31]);
        writer.Write(dice.Bytes((int)offset));
        return stream.ToArray();
    }

    public static byte[] Safetensors(Dice dice)
    {
        ulong at = 0;
        var entries = new List<string>();
        for (int i = dice.Below(5); i > 0; i--)
        {
            ulong elements = (ulong)dice.Below(20);
            string type = dice.OneIn(8) ? dice.Word() : dice.Pick<string>("F32", "F32", "F16", "BF16", "U8", "F4", "F6_E2M3", "I64");
            ulong bytes = elements * type switch { "F32" => 4, "F16" or "BF16" => 2, "I64" => 8, _ => 1 };
            entries.Add($$"""{{JsonGenerator.Text(dice.OneIn(3) ? dice.Word() : "t" + i)}}:{"dtype":"{{type}}","shape":[{{dice.Number(elements)}}],"data_offsets":[{{dice.Number(at)}},{{dice.Number(at + bytes)}}]}""");
            at += bytes;
        }

        if (dice.OneIn(3))
        {
            entries.Add($"\"__metadata__\":{JsonGenerator.Object(dice, 2)}");
        }

        byte[] json = Encoding.UTF8.GetBytes("{" + string.Join(dice.OneIn(20) ? ";" : ",", entries) + "}");
        return [.. BitConverter.GetBytes(dice.Number((ulong)json.Length)), .. json, .. dice.Bytes((int)Math.Min(at, 4096))];
    }

    private static void Text(Dice dice, BinaryWriter writer, string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        writer.Write(dice.Number((ulong)bytes.Length));
        writer.Write(bytes);
    }

    private static void Value(Dice dice, BinaryWriter writer, uint type, int depth, string text)
    {
        writer.Write(dice.OneIn(25) ? (uint)dice.Number(type) : type);
        Content(dice, writer, type, depth, text);
    }

    private static void Content(Dice dice, BinaryWriter writer, uint type, int depth, string text)
    {
        switch (type)
        {
            case 8:
                Text(dice, writer, text);
                break;
            case 9:
                uint element = depth > 5 ? 0 : (uint)dice.Below(13);
                int count = dice.Below(4);
                writer.Write(element);
                writer.Write(dice.Number((ulong)count));
                for (int i = 0; i < count; i++)
                {
                    Content(dice, writer, element, depth + 1, text);
                }

                break;
            case 7:
                writer.Write((byte)dice.Below(dice.OneIn(10) ? 256 : 2));
                break;
            default:
                writer.Write(BitConverter.GetBytes(dice.Number((ulong)dice.Below(100)))[..(type switch { 0 or 1 => 1, 2 or 3 => 2, 4 or 5 or 6 => 4, _ => 8 })]);
                break;
        }
    }
}
