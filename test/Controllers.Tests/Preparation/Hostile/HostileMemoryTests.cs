using AiModels.Controllers.Tests.Preparation.Archives;

namespace AiModels.Controllers.Tests.Preparation.Hostile;

[TestClass]
[DoNotParallelize]
public sealed class HostileMemoryTests
{
    private const long Limit = 64 << 20;

    public static IEnumerable<object[]> Cases => HostileFiles.All.Keys.Select(name => new object[] { name });

    public TestContext TestContext { get; set; } = null!;

    [TestMethod]
    [DynamicData(nameof(Cases))]
    [Timeout(120_000, CooperativeCancellation = true)]
    public async Task Examine_HostileFile_HoldsLittleMemoryAndSaysWhatIsWrong(string name)
    {
        (string fileName, byte[] content) = HostileFiles.All[name]();
        var source = new MeasuredSource(new WholeSource(fileName, content));
        string? problem = await Examination.RunAsync(source, TestContext.CancellationToken);
        source.Measure();
        TestContext.WriteLine($"{content.Length / 1024.0 / 1024:n1} MiB, held {source.Peak / 1024.0 / 1024:n1} MiB: {problem}");
        Assert.IsLessThan(Limit, source.Peak, $"{source.Peak >> 20} MiB were held");
    }

    [TestMethod]
    public async Task Examine_ZstdWithALargeWindow_SaysHowToPackIt() =>
        StringAssert.Contains(
            await Examination.RunAsync(new MemorySource(HostileFiles.All["zst with a window of 128 MiB"]().Content, "m.tar.zst")), "window of more than 32 MiB. Pack it with zstd -19");
}
