using AiModels.Hosting.Mounts;
using AiModels.NodeAgent.Cache;

namespace AiModels.NodeAgent.Tests.Cache;

[TestClass]
public sealed class MountedModelsTests
{
    private readonly string _root = Directory.CreateTempSubdirectory("mounted-").FullName;

    [TestCleanup]
    public void RemoveFolder() => Directory.Delete(_root, recursive: true);

    [TestMethod]
    public void Find_InAMountTable_TellsModelsPodsAndVolumes()
    {
        var folder = new CacheFolder(Path.Combine(_root, "cache"));
        (string device, string root) = MountTable.Read().PlaceOf(folder.Models);
        string hex = new('a', 64);
        string volume = Directory.CreateDirectory(Path.Combine(_root, "pods/uid-1/volumes/kubernetes.io~csi/m")).FullName;
        File.WriteAllText(Path.Combine(volume, "vol_data.json"), """{"driverName":"node-cache.ai-models.deckhouse.io","volumeHandle":"csi-1"}""");
        string table = Path.Combine(_root, "mountinfo");
        File.WriteAllLines(table,
        [
            .. File.ReadLines(MountTable.DefaultPath),
            $"900 1 {device} {root}/{hex} {volume}/mount ro,relatime - ext4 /dev/x rw",
            $"901 1 {device} {root}/.damaged-1-{hex} /elsewhere ro - ext4 /dev/x rw",
            $"902 1 {device} {root}/not-a-model /other ro - ext4 /dev/x rw",
            $"903 1 0:999 {root}/{hex} /another-disk ro - ext4 /dev/y rw",
        ]);

        MountedModel[] found = [.. new MountedModels(folder, table).Find()];
        Assert.HasCount(2, found);
        Assert.AreEqual(new MountedModel(hex, "sha256:" + hex, volume + "/mount", "uid-1", "csi-1"), found[0]);
        Assert.AreEqual(new MountedModel(".damaged-1-" + hex, "sha256:" + hex, "/elsewhere", null, null), found[1]);
    }
}
