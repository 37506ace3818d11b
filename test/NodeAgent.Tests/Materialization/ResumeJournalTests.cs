using AiModels.ModelPack.Oci;
using AiModels.NodeAgent.Materialization;

namespace AiModels.NodeAgent.Tests.Materialization;

[TestClass]
public sealed class ResumeJournalTests
{
    private static readonly Digest Artifact = Digest.Sha256Of("artifact"u8);
    private readonly string _path = Path.Combine(Directory.CreateTempSubdirectory("journal-").FullName, "journal");

    [TestCleanup]
    public void RemoveFolder() => Directory.Delete(Path.GetDirectoryName(_path)!, recursive: true);

    [TestMethod]
    public void Open_AfterAKilledProcess_KnowsEveryChunk()
    {
        Write(journal => journal.Add(0, 1), journal => journal.Add(2, 3));
        using ResumeJournal journal = Open();
        Assert.IsTrue(journal.Contains(0, 1));
        Assert.IsTrue(journal.Contains(2, 3));
        Assert.IsFalse(journal.Contains(0, 0));
    }

    [TestMethod]
    public void Open_AfterARebootOfTheMachine_KnowsOnlyWhatWasSynced()
    {
        Write(
            journal => journal.Add(0, 1),
            journal => journal.MarkSynced(() => journal.Add(0, 2)), // noted while the flush ran: not covered by it
            journal => journal.Add(0, 3));
        PretendReboot();
        using (ResumeJournal journal = Open())
        {
            Assert.IsTrue(journal.Contains(0, 1));
            Assert.IsFalse(journal.Contains(0, 2));
            Assert.IsFalse(journal.Contains(0, 3));
            journal.Add(0, 4);
        }

        PretendReboot();
        using ResumeJournal again = Open();
        Assert.IsTrue(again.Contains(0, 1), "what was durable stays so");
        Assert.IsFalse(again.Contains(0, 4));
    }

    [TestMethod]
    public void Open_WithALineCutShort_ForgetsThatLineAndWritesOnCleanly()
    {
        Write(journal => journal.Add(0, 1));
        File.AppendAllText(_path, "0 1");
        Write(journal => journal.Add(0, 7));
        using ResumeJournal journal = Open();
        Assert.AreEqual(2, journal.Count);
        Assert.IsTrue(journal.Contains(0, 7));
    }

    [TestMethod]
    public void Open_OfAnotherArtifact_BeginsAnew()
    {
        Write(journal => journal.Add(0, 1));
        using var journal = ResumeJournal.Open(_path, Digest.Sha256Of("other"u8), isUsable: true);
        Assert.AreEqual(0, journal.Count);
    }

    [TestMethod]
    public void Open_WhenTheFilesAreGone_BeginsAnew()
    {
        Write(journal => journal.Add(0, 1));
        using var journal = ResumeJournal.Open(_path, Artifact, isUsable: false);
        Assert.AreEqual(0, journal.Count);
    }

    [TestMethod]
    [DataRow("")]
    [DataRow("garbage\n\0\0\0")]
    public void Open_OfADamagedFile_BeginsAnew(string content)
    {
        File.WriteAllText(_path, content);
        using ResumeJournal journal = Open();
        Assert.AreEqual(0, journal.Count);
    }

    private ResumeJournal Open() => ResumeJournal.Open(_path, Artifact, isUsable: true);

    private void Write(params Action<ResumeJournal>[] steps)
    {
        using ResumeJournal journal = Open();
        foreach (Action<ResumeJournal> step in steps)
        {
            step(journal);
        }
    }

    /// <summary>The boot id is the last word of the first line. Of equal length, because sync marks count bytes.</summary>
    private void PretendReboot()
    {
        string text = File.ReadAllText(_path);
        int end = text.IndexOf('\n');
        int start = text.LastIndexOf(' ', end) + 1;
        File.WriteAllText(_path, text[..start] + new string('x', end - start) + text[end..]);
    }
}
