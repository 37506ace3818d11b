using AiModels.CsiDriver.Mounting;
using AiModels.Hosting.Mounts;

namespace AiModels.CsiDriver.Tests.Mounting;

/// <summary>Real bind mounts; needs root and CAP_SYS_ADMIN.</summary>
[TestClass]
public sealed class LinuxMounterTests
{
    private readonly LinuxMounter _mounter = new();

    public TestContext TestContext { get; set; } = null!;

    [TestMethod, Timeout(30_000)]
    public void BindReadOnly_AFolder_ShowsItsFilesAndRefusesWrites()
    {
        using var folders = new MountFolders(_mounter);
        File.WriteAllText(Path.Combine(folders.Source, "config.json"), "{}");
        _mounter.BindReadOnly(folders.Source, folders.Target);
        Assert.AreEqual("{}", File.ReadAllText(Path.Combine(folders.Target, "config.json")));
        Assert.ThrowsExactly<IOException>(() => File.WriteAllText(Path.Combine(folders.Target, "new"), "x"));
        Assert.AreEqual(new MountState(IsExpectedSource: true, IsReadOnly: true), _mounter.Find(folders.Target, folders.Source));
        string[] options = [.. MountTable.Read().On(folders.Target)!.Options];
        Assert.IsTrue(((string[])["ro", "nosuid", "nodev", "noexec"]).All(options.Contains), string.Join(',', options));
    }

    [TestMethod, Timeout(30_000)]
    public void Find_BehindASymbolicLink_SeesThroughIt()
    {
        using var folders = new MountFolders(_mounter);
        _mounter.BindReadOnly(folders.Source, folders.Target);
        string link = Path.Combine(folders.Root, "link");
        Directory.CreateSymbolicLink(link, folders.Root);
        Assert.AreEqual(new MountState(true, true), _mounter.Find(Path.Combine(link, "target"), Path.Combine(link, "source")));
    }

    [TestMethod, Timeout(30_000)]
    public void BindReadOnly_OnASymbolicLink_IsRefusedBySystem()
    {
        using var folders = new MountFolders(_mounter);
        string link = Path.Combine(folders.Root, "link");
        Directory.CreateSymbolicLink(link, folders.Target);
        Assert.ThrowsExactly<IOException>(() => _mounter.BindReadOnly(folders.Source, link));
        Assert.IsNull(_mounter.Shown(folders.Target), "the link's end was mounted on");
    }

    [TestMethod, Timeout(60_000)]
    public async Task BindReadOnly_WhileTheTargetIsSwappedForALink_NeverMountsAtTheLinksEnd()
    {
        using var folders = new MountFolders(_mounter);
        string victim = Directory.CreateDirectory(Path.Combine(folders.Root, "victim")).FullName;
        string contested = Path.Combine(folders.Root, "contested"), spare = Path.Combine(folders.Root, "spare"), link = Path.Combine(folders.Root, "link");
        Directory.CreateDirectory(contested);
        Directory.CreateSymbolicLink(link, victim);
        using var stop = new CancellationTokenSource();
        Task swapping = Task.Run(() => Swap(contested, spare, link, stop.Token), TestContext.CancellationToken);
        for (int i = 0; i < 500; i++)
        {
            try
            {
                _mounter.BindReadOnly(folders.Source, contested);
            }
            catch (IOException)
            {
                // It was a link, or nothing, at that moment.
            }

            Assert.IsNull(_mounter.Shown(victim), $"attempt {i} mounted where the link points");
            UnmountBelow(folders.Root);
        }

        await stop.CancelAsync();
        await swapping;
        UnmountBelow(folders.Root);
    }

    /// <summary>The folder may have either of its names when it is mounted on, and keeps it then.</summary>
    private void UnmountBelow(string root)
    {
        foreach (MountEntry mount in MountTable.Read().Entries.Where(mount => mount.MountPoint.StartsWith(root + "/", StringComparison.Ordinal)))
        {
            CollectionAssert.Contains(mount.Options.ToArray(), "ro", "nothing writable is left behind");
            _mounter.Unmount(mount.MountPoint);
        }
    }

    /// <summary>As fast as it can: the folder away and the link in its place, and back. A folder that is mounted on cannot be renamed, and is left.</summary>
    private static void Swap(string contested, string spare, string link, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                Directory.Move(contested, spare);
                File.Move(link, contested);
                File.Move(contested, link);
                Directory.Move(spare, contested);
            }
            catch (IOException)
            {
                stop.WaitHandle.WaitOne(TimeSpan.FromMilliseconds(1));
            }
        }
    }

    [TestMethod, Timeout(30_000)]
    public void Find_WhereSomethingElseIsMounted_SaysSo()
    {
        using var folders = new MountFolders(_mounter);
        _mounter.BindReadOnly(folders.Root, folders.Target);
        Assert.IsFalse(_mounter.Find(folders.Target, folders.Source)!.IsExpectedSource);
    }

    [TestMethod, Timeout(30_000)]
    public void Unmount_AMount_LeavesAnEmptyFolder()
    {
        using var folders = new MountFolders(_mounter);
        _mounter.BindReadOnly(folders.Source, folders.Target);
        _mounter.Unmount(folders.Target);
        Assert.IsNull(_mounter.Shown(folders.Target));
        Assert.IsNull(_mounter.Find(folders.Target, folders.Source));
    }

    [TestMethod, Timeout(60_000)]
    public void Shown_OfAFolderThatWasRemovedUnderItsMount_StillTellsTheModel()
    {
        const string Digest = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
        using var folders = new MountFolders(_mounter);
        string model = Directory.CreateDirectory(Path.Combine(folders.Source, Digest["sha256:".Length..])).FullName;
        _mounter.BindReadOnly(model, folders.Target);
        Assert.IsTrue(_mounter.Shown(folders.Target)!.IsModel(Digest));
        string aside = Path.Combine(folders.Source, ".damaged-1-" + Path.GetFileName(model));
        Directory.Move(model, aside);
        Assert.IsTrue(_mounter.Shown(folders.Target)!.IsModel(Digest), "set aside");
        Directory.Delete(aside);
        Assert.IsTrue(_mounter.Shown(folders.Target)!.IsModel(Digest), "removed");
        Assert.IsFalse(_mounter.Shown(folders.Target)!.IsModel(Digest.Replace('a', 'b')));
        Assert.IsFalse(_mounter.Shown("/proc")!.IsModel(Digest));
        Assert.IsTrue(_mounter.Shown("/proc")!.IsWholeFileSystem);
    }

    [TestMethod]
    public void Unmount_WhereNothingIsMounted_ThrowsTheSystemsWords()
    {
        using var folders = new MountFolders(_mounter);
        IOException e = Assert.ThrowsExactly<IOException>(() => _mounter.Unmount(folders.Target));
        Assert.Contains("errno 22", e.Message);
    }

    [TestMethod, Timeout(30_000)]
    public async Task Driver_WithRealMounts_PublishesAndUnpublishes()
    {
        using var probe = new MountFolders(_mounter);
        await using RunningDriver driver = await RunningDriver.StartAsync(TestContext.CancellationToken, _mounter);
        for (int i = 0; i < 2; i++)
        {
            await driver.CallAsync(CsiMethods.NodePublishVolume, driver.Publish());
        }

        Assert.AreEqual("{}", await File.ReadAllTextAsync(Path.Combine(driver.Target, "config.json"), TestContext.CancellationToken));
        for (int i = 0; i < 2; i++)
        {
            await driver.CallAsync(CsiMethods.NodeUnpublishVolume, driver.Unpublish());
        }

        Assert.IsFalse(Directory.Exists(driver.Target));
        Assert.IsTrue(File.Exists(Path.Combine(driver.Model, "config.json")), "unmounting removed the model");
    }

    private sealed class MountFolders : IDisposable
    {
        private readonly LinuxMounter _mounter;

        public MountFolders(LinuxMounter mounter)
        {
            if (!Environment.IsPrivilegedProcess)
            {
                Assert.Inconclusive("bind mounts need root");
            }

            _mounter = mounter;
            Root = Directory.CreateTempSubdirectory("mount-").FullName;
            Directory.CreateDirectory(Source);
            Directory.CreateDirectory(Target);
            try
            {
                mounter.BindReadOnly(Source, Target);
                mounter.Unmount(Target);
            }
            catch (IOException e) when (e.Message.Contains("errno 1)", StringComparison.Ordinal))
            {
                Directory.Delete(Root, recursive: true);
                Assert.Inconclusive("this root may not mount (no CAP_SYS_ADMIN)");
            }
        }

        public string Root { get; }

        public string Source => Path.Combine(Root, "source");

        public string Target => Path.Combine(Root, "target");

        public void Dispose()
        {
            while (_mounter.Shown(Target) is not null)
            {
                _mounter.Unmount(Target);
            }

            Directory.Delete(Root, recursive: true);
        }
    }
}
