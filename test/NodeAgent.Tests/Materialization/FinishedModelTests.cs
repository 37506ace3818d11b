using AiModels.NodeAgent.Materialization;
using AiModels.TestKit;

namespace AiModels.NodeAgent.Tests.Materialization;

/// <summary>Removing models from a claim.</summary>
[TestClass]
public sealed class FinishedModelTests
{
    public TestContext TestContext { get; set; } = null!;

    [TestMethod, Timeout(60_000)]
    public void Remove_ASealedModel_LeavesNothingAndItsNeighbourAlone()
    {
        using var folder = new TempFolder();
        TargetPaths gone = Model(folder["claim/aaaa"]), kept = Model(folder["claim/bbbb"]);
        Directory.CreateDirectory(gone.Partial);
        File.WriteAllText(gone.Journal, "a run that was given up");
        FinishedModel.Remove(gone);
        CollectionAssert.AreEqual(new[] { kept.Target }, Directory.GetFileSystemEntries(folder["claim"]));
        ReadOnlyTree.Remove(kept.Target);
    }

    [TestMethod, Timeout(60_000)]
    public void Remove_Repeated_IsASuccess()
    {
        using var folder = new TempFolder();
        TargetPaths model = Model(folder["claim/aaaa"]);
        FinishedModel.Remove(model);
        FinishedModel.Remove(model);
        FinishedModel.Remove(new TargetPaths(folder["no such folder/aaaa"]));
        Assert.IsEmpty(Directory.GetFileSystemEntries(folder["claim"]));
    }

    [TestMethod, Timeout(60_000)]
    public void Remove_WhileItIsBeingMaterialized_IsRefused()
    {
        using var folder = new TempFolder();
        TargetPaths model = Model(folder["claim/aaaa"]);
        using (ResumeJournal.Lock(model.Journal))
        {
            Assert.ThrowsExactly<IOException>(() => FinishedModel.Remove(model));
        }

        Assert.IsTrue(File.Exists(Path.Combine(model.Target, "nested", "weights.bin")));
        FinishedModel.Remove(model);
    }

    [TestMethod, Timeout(60_000)]
    public async Task Command_WithSeveralTargets_RemovesThemAll()
    {
        using var folder = new TempFolder();
        TargetPaths one = Model(folder["claim/aaaa"]), two = Model(folder["claim/bbbb"]);
        Assert.AreEqual(0, await RemoveCommand.RunAsync(new RemoveOptions { Target = [one.Target, two.Target] }, TestContext.CancellationToken));
        Assert.IsEmpty(Directory.GetFileSystemEntries(folder["claim"]));
    }

    [TestMethod]
    [DataRow("relative/path")]
    [DataRow(null)]
    public void Options_WithoutAnAbsoluteTarget_AreRefused(string? target) =>
        Assert.IsNotEmpty(new RemoveOptions { Target = target is null ? [] : [target] }.Validate(new System.ComponentModel.DataAnnotations.ValidationContext(this)));

    private static TargetPaths Model(string target)
    {
        Directory.CreateDirectory(Path.Combine(target, "nested"));
        File.WriteAllText(Path.Combine(target, "nested", "weights.bin"), "weights");
        ReadOnlyTree.Seal(target);
        return new TargetPaths(target);
    }
}
