using AiModels.Hosting.Mounts;

namespace AiModels.CsiDriver.Tests.Mounting;

[TestClass]
public sealed class MountTableTests
{
    private static readonly MountTable Table = new([.. new[]
    {
        "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw",
        "30 22 0:26 / /dev/shm rw,nosuid - tmpfs tmpfs rw",
        @"40 22 254:0 /cache/models/aa /pods/a\040b/volume ro,relatime shared:1 - ext4 /dev/vda rw",
        "50 22 8:16 / /data rw - xfs /dev/sdb rw",
    }.Select(MountEntry.Parse)]);

    [TestMethod]
    public void On_APathWithABlank_FindsTheUnescapedMount()
    {
        MountEntry entry = Table.On("/pods/a b/volume")!;
        Assert.IsTrue(entry.IsReadOnly);
        Assert.AreEqual("/cache/models/aa", entry.Root);
    }

    [TestMethod]
    public void On_APathBelowAMount_FindsNothing() => Assert.IsNull(Table.On("/dev/shm/x"));

    [TestMethod]
    public void PlaceOf_ABindMountAndItsSource_IsTheSame() => Assert.AreEqual(Table.PlaceOf("/cache/models/aa"), Table.PlaceOf("/pods/a b/volume"));

    [TestMethod]
    [DataRow("/data/x/y", "8:16", "/x/y")]
    [DataRow("/data", "8:16", "/")]
    [DataRow("/database", "254:0", "/database")]
    [DataRow("/pods/a b/volume/sub", "254:0", "/cache/models/aa/sub")]
    public void PlaceOf_APath_IsItsFileSystemAndPathInside(string path, string device, string root) =>
        Assert.AreEqual((device, root), Table.PlaceOf(path));

    [TestMethod]
    public void Parse_ALineThatIsNone_Throws() => Assert.ThrowsExactly<IOException>(() => MountEntry.Parse("22 1"));
}
