using AiModels.Controllers.Tests.Preparation.Archives;
using AiModels.Controllers.Tests.Preparation.Formats;

namespace AiModels.Controllers.Tests.Preparation.Hostile;

/// <summary>What a file is, is said by its bytes; its name only matters where it contradicts them.</summary>
[TestClass]
public sealed class ContentDetectionTests
{
    private static readonly byte[] Config = "{}"u8.ToArray();

    [TestMethod]
    [DataRow("weights.bin")]
    [DataRow("weights")]
    [DataRow("folder/weights.dat")]
    public async Task Examine_GgufOfAnyName_IsRecognisedInEveryArchive(string path)
    {
        foreach (byte[] archive in (byte[][])[Pack.Zip((path, GgufFile.Vector)), Pack.Tar((path, GgufFile.Vector)), Pack.Gzip(Pack.Tar((path, GgufFile.Vector)))])
        {
            Assert.IsNull(await Examination.RunAsync(new MemorySource(archive, "m.zip")));
        }
    }

    [TestMethod]
    public async Task Examine_NameThatContradicts_IsRefused()
    {
        StringAssert.Contains(await Problem(("config.json", Config), ("model.safetensors", GgufFile.Vector)), "model.safetensors: its header announces");
        StringAssert.Contains(await Problem(("m.gguf", SafetensorsTests.File("{}", 0))), "m.gguf: it does not begin with GGUF");
        StringAssert.Contains(await Problem(("config.json", GgufFile.Vector), ("model.safetensors", SafetensorsTests.File("{}", 0))), "config.json: it is not valid JSON");
    }

    private static async Task<string?> Problem(params (string, byte[])[] files) => await Examination.RunAsync(new MemorySource(Pack.Zip(files), "m.zip"));
}
