using AiModels.Controllers.Tests.Preparation.Formats.Pickle;

namespace AiModels.Controllers.Tests.Preparation.Fuzzing;

/// <summary>Pickles: the recorded ones, and such as are put together of opcodes; plain, and in both containers of torch.</summary>
internal static class PickleGenerator
{
    private static readonly byte[][] Pieces =
    [
        .. ((string[])
        [
            "N", "(", "0", "1", "2", ".", ")", "]", "}", "t", "l", "d", "a", "e", "s", "u", "b", "R", "o", "Q", "\u0081", "\u0085", "\u0086", "\u0087", "\u0090", "\u0091", "\u0092",
            "\u0093", "\u0094", "\u0097", "K\u0001", "M\u0001\u0002", "J\u0001\u0002\u0003\u0004", "I42\n", "L42L\n", "F1.5\n", "S'os'\n", "Vsystem\n", "U\u0002os", "\u008c\u0006system",
            "X\u0002\u0000\u0000\u0000os", "\u008d\u0002\u0000\u0000\u0000\u0000\u0000\u0000\u0000os", "C\u0001a", "B\u0001\u0000\u0000\u0000a", "q\u0000", "q\u0001", "h\u0000", "h\u0001", "p7\n", "g7\n",
            "r\u0009\u0000\u0000\u0000", "j\u0009\u0000\u0000\u0000", "cos\nsystem\n", "ccollections\nOrderedDict\n", "ctorch\nFloatStorage\n", "ctorch._utils\n_rebuild_tensor_v2\n", "ios\nsystem\n",
            "icollections\nOrderedDict\n", "P1\n", "\u0082\u0001", "\u008a\u0001\u0005", "\u008b\u0001\u0000\u0000\u0000\u0005", "\u0080\u0002", "\u0080\u0005", "\u0095\u0001\u0000\u0000\u0000\u0000\u0000\u0000\u0000",
        ]).Select(text => System.Text.Encoding.Latin1.GetBytes(text)),
    ];

    public static byte[] File(Dice dice)
    {
        byte[] pickle = dice.Below(3) switch
        {
            0 => TorchZip.StateDict(dice.Below(6)),
            1 => Convert.FromHexString(PickleVectors.Attacks[dice.Below(6)]),
            _ => [.. Enumerable.Range(0, dice.Below(60)).SelectMany(_ => dice.Pick<byte[]>(Pieces)), (byte)'.'],
        };
        pickle = dice.OneIn(2) ? Damage.Do(dice, pickle) : pickle;
        return dice.Below(3) switch
        {
            0 => TorchZip.Of(pickle),
            1 => TorchZip.OfLegacy(pickle),
            _ => pickle,
        };
    }
}
