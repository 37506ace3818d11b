using AiModels.Controllers.Preparation.Sources.HuggingFace;
using AiModels.Controllers.Preparation.Sources.Hubs;

namespace AiModels.Controllers.Tests.Preparation.Sources;

[TestClass]
public sealed class HubReferenceTests
{
    // The real hub's answer about a test repository, recorded 2026-09-25: an LFS file is known by the git id of its pointer, another by its own.
    private const string RecordedText = "xet private-repo regression fixture \u2014 ref-regular.txt\nCommitted next to ref-lfs.bin by test/conformance/hub; the line below makes every commit distinct.\nrecorded: 2026-09-25T08:49:11Z\n";

    [TestMethod]
    [DataRow("https://huggingface.co/BAAI/bge-m3", "BAAI/bge-m3", "main")]
    [DataRow("https://www.huggingface.co/gpt2/", "gpt2", "main")]
    [DataRow("https://hf.co/a/b/tree/v1.0", "a/b", "v1.0")]
    [DataRow("https://huggingface.co/a/b?revision=refs%2Fpr%2F1", "a/b", "refs/pr/1")]
    [DataRow("https://huggingface.co/a/b/tree/refs%2Fpr%2F3", "a/b", "refs/pr/3")]
    [DataRow("https://huggingface.co/a/b/tree/refs/pr/3/x", "a/b", "refs/pr/3|refs/pr/3/x")]
    [DataRow("https://huggingface.co/a/b/blob/feature/x/m.gguf", "a/b", "feature|feature/x|feature/x/m.gguf")]
    [DataRow("https://huggingface.co/a/b/resolve/main/m.gguf?download=true#L1", "a/b", "main|main/m.gguf")]
    public void Parse_UrlOfAModel_GivesRepositoryAndRevisionsToTry(string url, string repository, string revisions)
    {
        HubReference reference = HubReference.Parse(url, out _)!;
        Assert.AreEqual(repository, reference.Repository);
        Assert.AreEqual(revisions, string.Join('|', reference.Candidates().Select(candidate => candidate.Revision)));
    }

    [TestMethod]
    [DataRow("https://huggingface.co/datasets/a/b")]
    [DataRow("https://huggingface.co/spaces/a/b")]
    [DataRow("https://huggingface.co/a/b/c")]
    [DataRow("https://huggingface.co/a/b.git")]
    [DataRow("https://huggingface.co/a/b--c")]
    [DataRow("https://huggingface.co/a/..%2f..%2fapi")]
    [DataRow("https://huggingface.co/a/%0d%0ab")]
    public void Parse_NoModel_SaysSo(string url)
    {
        Assert.IsNull(HubReference.Parse(url, out string problem));
        StringAssert.Contains(problem, url);
    }

    [TestMethod]
    public void Digest_RecordedTextFile_IsGitsOwn()
    {
        byte[] text = System.Text.Encoding.UTF8.GetBytes(RecordedText);
        Assert.HasCount(186, text);
        using var digest = new HubDigest(new HubFile("regression/ref-regular.txt", text.Length, "e5698f9a721147f2090edf7da4892e23da00d5be", null));
        digest.Append(text);
        Assert.IsNull(digest.Problem());
    }

    [TestMethod]
    [DataRow(0, 10)]
    [DataRow(3, 7)]
    [DataRow(9, 10)]
    public void Digest_PartThatWasSeenOtherwise_IsNotTaken(int start, int end)
    {
        byte[] content = [.. Enumerable.Range(0, 10).Select(number => (byte)number)];
        byte[] seen = [.. content];
        var right = new HeaderMark(start, end - start, System.Security.Cryptography.SHA256.HashData(seen.AsSpan(start, end - start)));
        seen[end - 1] ^= 1;
        var wrong = new HeaderMark(start, end - start, System.Security.Cryptography.SHA256.HashData(seen.AsSpan(start, end - start)));
        var file = new HubFile("f", 10, "", Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(content)));

        using var good = new HubDigest(file, [right]);
        using var bad = new HubDigest(file, [right, wrong]);
        good.Append(content.AsSpan(0, 4));
        good.Append(content.AsSpan(4));
        Assert.IsNull(good.Problem());
        Assert.ThrowsExactly<HubException>(() =>
        {
            bad.Append(content.AsSpan(0, 4));
            bad.Append(content.AsSpan(4));
        });
    }
}
