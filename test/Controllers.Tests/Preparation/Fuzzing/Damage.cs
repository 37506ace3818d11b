namespace AiModels.Controllers.Tests.Preparation.Fuzzing;

/// <summary>What happens to bytes on their way: cuts, flips, pieces that are there twice or not at all.</summary>
internal static class Damage
{
    public static byte[] Do(Dice dice, byte[] bytes)
    {
        var damaged = new List<byte>(bytes);
        for (int times = dice.Below(4); times > 0 && damaged.Count > 0; times--)
        {
            int at = dice.Below(damaged.Count);
            int length = Math.Min(1 + dice.Below(dice.OneIn(4) ? 600 : 9), damaged.Count - at);
            switch (dice.Below(6))
            {
                case 0:
                    damaged[at] ^= (byte)(1 << dice.Below(8));
                    break;
                case 1:
                    damaged[at] = dice.Pick<byte>(0, 0x7F, 0x80, 0xFF, (byte)'"', (byte)'{', (byte)'.');
                    break;
                case 2:
                    damaged.RemoveRange(at, damaged.Count - at);
                    break;
                case 3:
                    damaged.RemoveRange(at, length);
                    break;
                case 4:
                    damaged.InsertRange(dice.Below(damaged.Count), damaged.GetRange(at, length));
                    break;
                default:
                    damaged.InsertRange(at, dice.Bytes(length));
                    break;
            }
        }

        return [.. damaged];
    }
}
