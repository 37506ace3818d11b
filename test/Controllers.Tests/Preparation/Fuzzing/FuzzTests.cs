using System.Diagnostics;
using System.Globalization;
using AiModels.Controllers.Tests.Preparation.Hostile;

namespace AiModels.Controllers.Tests.Preparation.Fuzzing;

/// <summary>
/// Everything that reads bytes of strangers, for a minute (AIMODELS_FUZZ_SECONDS) on inputs that are all made from one seed (AIMODELS_FUZZ_SEED): each ends, soon, in
/// "it is a model" or in a message for the user, and holds little memory. A failure names seed and number; AIMODELS_FUZZ_INPUT runs that one alone.
/// </summary>
[TestClass]
public sealed class FuzzTests
{
    private const long MemoryLimit = 64 << 20;

    // Inputs have some kilobytes and take some milliseconds; a machine may be busy.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    public TestContext TestContext { get; set; } = null!;

    [TestMethod]
    public async Task Parsers_ForAMinute_NeitherBreakNorHangNorHoard()
    {
        int seed = Number("AIMODELS_FUZZ_SEED", 1);
        int? single = Environment.GetEnvironmentVariable("AIMODELS_FUZZ_INPUT") is { Length: > 0 } text ? int.Parse(text, CultureInfo.InvariantCulture) : null;
        TimeSpan time = TimeSpan.FromSeconds(Number("AIMODELS_FUZZ_SECONDS", 60));
        TestContext.WriteLine($"Seed {seed}.");
        var clock = Stopwatch.StartNew();
        int input = single ?? 0, models = 0;
        do
        {
            models += await RunAsync(seed, input++) ? 1 : 0;
        }
        while (single is null && clock.Elapsed < time);

        TestContext.WriteLine($"{input} inputs, {models} of them models.");
        Assert.IsTrue(single is not null || models > 0, "a fuzzer that never makes a whole model tests nothing but the first line of every parser");
    }

    private static async Task<bool> RunAsync(int seed, int input)
    {
        (string name, byte[] content) = UploadGenerator.Make(new Dice(HashOf(seed, input)));
        string where = $"seed {seed}, input {input} ({name}, {content.Length} bytes)";
        var work = Task.Run(async () =>
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            string? problem = await Examination.RunAsync(new WholeSource(name, content));
            return (problem, Allocated: GC.GetAllocatedBytesForCurrentThread() - before);
        });
        try
        {
            (string? problem, long allocated) = await work.WaitAsync(Patience);
            Assert.IsTrue(problem is null || problem.Length is > 5 and < 5000, $"{where}: '{problem}' helps nobody");
            if (allocated > MemoryLimit)
            {
                // Much in all may still be little at once.
                var measured = new MeasuredSource(new WholeSource(name, content));
                await Examination.RunAsync(measured);
                Assert.IsLessThan(MemoryLimit, measured.Peak, where);
            }

            return problem is null;
        }
        catch (Exception e) when (e is not AssertFailedException)
        {
            throw new AssertFailedException($"{where}: {e.GetType().Name}: {e.Message}. Run it again with AIMODELS_FUZZ_SEED={seed} AIMODELS_FUZZ_INPUT={input}.\n{e.StackTrace}", e);
        }
    }

    /// <summary>The same everywhere, unlike HashCode.</summary>
    private static int HashOf(int seed, int input) => unchecked((int)((((uint)seed * 2_654_435_761u) ^ (uint)input) * 2_246_822_519u));

    private static int Number(string variable, int otherwise) =>
        Environment.GetEnvironmentVariable(variable) is { Length: > 0 } text ? int.Parse(text, CultureInfo.InvariantCulture) : otherwise;
}
