using System.Text;
using AiModels.Controllers.Preparation.Formats;
using AiModels.Controllers.Preparation.Formats.Pickle;
using AiModels.Controllers.Tests.Preparation.Archives;

namespace AiModels.Controllers.Tests.Preparation.Formats.Pickle;

[TestClass]
public sealed class TorchFileTests
{
    public TestContext TestContext { get; set; } = null!;

    public static IEnumerable<object[]> Protocols => Enumerable.Range(0, 6).Select(protocol => new object[] { protocol });

    [TestMethod]
    [DynamicData(nameof(Protocols))]
    public async Task Check_StateDictOfEachProtocol_Passes(int protocol)
    {
        await Check(TorchZip.Of(TorchZip.StateDict(protocol)));
        await Check(TorchZip.OfLegacy(TorchZip.StateDict(protocol)));
    }

    [TestMethod]
    [DynamicData(nameof(Protocols))]
    public async Task Check_StateDictOfEachProtocol_CountsItsElements(int protocol)
    {
        // Protocol 0 names its storages in words of its own, which say nothing of their size.
        long? expected = protocol == 0 ? null : 6;
        Assert.AreEqual(expected, await Elements(TorchZip.Of(TorchZip.StateDict(protocol))));
        Assert.AreEqual(expected, await Elements(TorchZip.OfLegacy(TorchZip.StateDict(protocol))));
    }

    [TestMethod]
    public async Task Check_TensorThatIsAPartOfItsStorage_CountsNothing()
    {
        // In front of the first tensor's tuple: its storage has four elements, and now is said to have eight.
        byte[] pickle = TorchZip.StateDict();
        const int numberOfElements = 141;
        Assert.AreEqual(4, pickle[numberOfElements]);
        pickle[numberOfElements] = 8;
        Assert.IsNull(await Elements(TorchZip.Of(pickle)));
    }

    [TestMethod]
    [DynamicData(nameof(Protocols))]
    public async Task Check_OsSystemInEachProtocol_NamesFileOffsetAndImport(int protocol)
    {
        byte[] attack = Convert.FromHexString(PickleVectors.Attacks[protocol]);
        string zip = await Problem(TorchZip.Of(attack));
        StringAssert.StartsWith(zip, "unet/x.bin: at offset ");
        StringAssert.Contains(zip, " of archive/data.pkl its pickle imports posix.system,");
        StringAssert.Contains(await Problem(TorchZip.OfLegacy(attack)), "imports posix.system,");
        StringAssert.Contains(await Problem(attack), "imports posix.system,");
    }

    [TestMethod]
    [DataRow("c__builtin__\neval\n.", "__builtin__.eval")]
    [DataRow("ctorch\nload\n.", "torch.load")]
    [DataRow("ctorch\nFloatStorage.__init__\n.", "torch.FloatStorage.__init__")]
    [DataRow("ccollections.OrderedDict\n__class__\n.", "collections.OrderedDict.__class__")]
    [DataRow("(S'id'\nios\nsystem\n.", "os.system")] // INST
    [DataRow("(cos\nsystem\nS'id'\no.", "os.system")] // OBJ
    [DataRow("\u0080\u0004\u008c\u0002osp0\n0\u008c\u0006systemp1\n0g0\ng1\n\u0093.", "os.system")] // both texts by way of the memo
    [DataRow("\u0080\u0004\u008c\u0002os\u0094\u008c\u0006system\u0094h\u0000h\u0001\u0093.", "os.system")]
    [DataRow("\u0080\u0004\u008c\u0002os2\u008c\u0006system\u00930.", "os.system")] // DUP
    [DataRow("\u0080\u0004Vos\nS'sys'\n0Vsystem\n\u0093.", "os.system")] // POP between them
    [DataRow("\u0080\u0004K\u0001K\u0002\u0093.", "whose name only running it would tell")]
    [DataRow("\u0080\u0004Vo\\u0073\nVsystem\n\u0093.", "whose name only running it would tell")]
    [DataRow("\u0080\u0002\u0082\u0001.", "extension by number")]
    [DataRow("ctorch\nFloatStorage\n}(S'a'\nK\u0001ub.", "change of an imported class")]
    [DataRow("ccollections\nOrderedDict\n)R)R.", "call of something that is no import")]
    [DataRow("S'a'\n)\u0081.", "call of something that is no import")]
    public async Task Check_ForbiddenImport_IsRefused(string pickle, string expected) =>
        StringAssert.Contains(await Problem(TorchZip.Of(Encoding.Latin1.GetBytes(pickle))), expected);

    [TestMethod]
    [DataRow(".", "more from its stack than there is")]
    [DataRow("(.", "more from its stack than there is")]
    [DataRow("K\u0001t.", "mark that was never set")]
    [DataRow("h\u0005.", "never remembered")]
    [DataRow("\u0080\u0006N.", "protocol 6")]
    [DataRow("\u00ff.", "no opcode")]
    [DataRow("Nr\u00ff\u00ff\u00ff\u00ff.", "up to 262143 is allowed")]
    [DataRow("S'a", "ends inside")]
    [DataRow("X\u00ff\u00ff\u00ff\u00ffab", "ends inside")]
    [DataRow("\u0080\u0005\u0097.", "buffers that are not in the file")]
    [DataRow("N.N.", "bytes follow the pickle")]
    [DataRow("", "ends inside")]
    public async Task Check_BrokenPickle_IsRefused(string pickle, string expected) =>
        StringAssert.Contains(await Problem(TorchZip.Of(Encoding.Latin1.GetBytes(pickle))), expected);

    [TestMethod]
    public async Task Check_CutAnywhere_IsRefused()
    {
        byte[] zip = TorchZip.Of(TorchZip.StateDict());
        byte[] legacy = TorchZip.OfLegacy(TorchZip.StateDict());
        int pickles = legacy.Length - "raw storages follow: cos\nsystem\n".Length;
        for (int length = 0; length < zip.Length; length += 3)
        {
            await Problem(zip[..length]);
        }

        for (int length = 0; length < pickles; length++)
        {
            await Problem(legacy[..length]);
        }
    }

    [TestMethod]
    [DataRow("archive/constants.pkl", "archive/constants.pkl")] // a scripted model: torch.load would run it
    [DataRow("archive/code/x.py", "archive/code/x.py")]
    [DataRow("archive/data/0x", "archive/data/0x")]
    [DataRow("archive/inner.zip", "archive/inner.zip")]
    public async Task Check_ZipWithMoreThanWeights_NamesTheEntry(string path, string expected) =>
        StringAssert.Contains(await Problem(TorchZip.Of(TorchZip.StateDict(), (path, [1]))), $"'{expected}'");

    [TestMethod]
    public async Task Check_SecondEndRecord_IsRefused()
    {
        // One reader would believe the first directory, another the second.
        byte[] harmless = TorchZip.Of(TorchZip.StateDict());
        byte[] attack = TorchZip.Of(Convert.FromHexString(PickleVectors.Attacks[2]));
        byte[] both = [.. attack, .. harmless];
        both[attack.Length - 2] = (byte)harmless.Length;
        both[attack.Length - 1] = (byte)(harmless.Length >> 8);
        await Problem(both);
        StringAssert.Contains(await Problem([.. harmless, 0]), "does not end like one");
    }

    [TestMethod]
    public async Task Check_OtherBytes_AreRefused()
    {
        await Problem([]);
        await Problem([0]);
        await Problem(new byte[1000]);
        StringAssert.Contains(await Problem("N."u8.ToArray()), "none that torch.save wrote");
        StringAssert.Contains(await Problem(TorchZip.Of([])), "ends inside");
    }

    private static Task Check(byte[] file) => Elements(file);

    private static Task<long?> Elements(byte[] file) => TorchFile.CheckAsync(new MemorySource(file, "unet/x.bin"), CancellationToken.None);

    private static async Task<string> Problem(byte[] file) => (await Assert.ThrowsExactlyAsync<InvalidModelFileException>(() => Check(file))).Message;
}
