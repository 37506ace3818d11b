using System.Diagnostics;
using AiModels.NodeAgent.Materialization;
using AiModels.TestKit;

namespace AiModels.NodeAgent.Tests.Materialization;

/// <summary>Two files of the same bytes that take the room of one.</summary>
[TestClass]
public sealed class SharedCopyTests
{
    private const int Size = 64 * 1024 * 1024;

    [TestMethod, Timeout(60_000)]
    public void TryCreate_OfAFileOfAnotherLength_IsRefused()
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder["one"], "12345");
        Assert.IsFalse(SharedCopy.TryCreate(folder["one"], folder["two"], 4));
        Assert.IsFalse(File.Exists(folder["two"]));
    }

    [TestMethod, Timeout(60_000)]
    public void TryCreate_WhereNothingButLinksWork_GivesTheBytesASecondName()
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder["one"], "12345");
        File.WriteAllText(folder["two"], "in the way");
        Assert.IsTrue(SharedCopy.TryCreate(folder["one"], folder["two"], 5));
        Assert.AreEqual("12345", File.ReadAllText(folder["two"]));
    }

    [TestMethod, Timeout(120_000)]
    public void TryCreate_OnXfs_SharesBlocksBetweenTwoFiles()
    {
        using var folder = new TempFolder();
        using XfsFolder xfs = XfsFolder.Make(folder["disk.img"], folder["xfs"]);
        string one = Path.Combine(xfs.Path, "one"), two = Path.Combine(xfs.Path, "two");
        byte[] content = new byte[Size];
        new Random(1).NextBytes(content);
        File.WriteAllBytes(one, content);
        using (FileStream file = File.OpenRead(one))
        {
            RandomAccess.FlushToDisk(file.SafeFileHandle);
        }

        long before = new DriveInfo(xfs.Path).AvailableFreeSpace;
        Assert.IsTrue(SharedCopy.TryCreate(one, two, Size));
        Assert.IsLessThan(Size / 4, before - new DriveInfo(xfs.Path).AvailableFreeSpace, "the copy takes room of its own");

        // Files of their own: what is written into one is not in the other, as it would be with two names of one file.
        using (FileStream file = File.OpenWrite(two))
        {
            file.WriteByte((byte)~content[0]);
        }

        Assert.AreEqual(content[0], File.ReadAllBytes(one)[0]);
    }

    /// <summary>A file system of its own, on a file.</summary>
    private sealed class XfsFolder : IDisposable
    {
        private XfsFolder(string path) => Path = path;

        public string Path { get; }

        public static XfsFolder Make(string image, string path)
        {
            if (!Environment.IsPrivilegedProcess)
            {
                Assert.Inconclusive("mounting a file system needs root");
            }

            using (FileStream file = File.Create(image))
            {
                file.SetLength(512L * 1024 * 1024); // the least that mkfs.xfs makes is 300 MiB
            }

            Directory.CreateDirectory(path);
            if (!Run("mkfs.xfs", "-q", "-m", "reflink=1", image) || !Run("mount", "-o", "loop", image, path))
            {
                Assert.Inconclusive("mkfs.xfs (package xfsprogs) or loop devices are missing");
            }

            return new XfsFolder(path);
        }

        public void Dispose() => Assert.IsTrue(Run("umount", Path));

        private static bool Run(string program, params string[] arguments)
        {
            try
            {
                using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true, RedirectStandardOutput = true })!;
                process.WaitForExit();
                return process.ExitCode == 0;
            }
            catch (System.ComponentModel.Win32Exception)
            {
                return false; // no such program
            }
        }
    }
}
