namespace AiModels.NodeAgent.Materialization;

/// <summary>A model that was materialized, as a whole.</summary>
internal static class FinishedModel
{
    /// <summary>
    /// Removes it with all that belongs to it; nothing there is a success. It loses its name first, so that nobody ever finds half a model under it. Throws
    /// <see cref="IOException"/> when it is being materialized at this moment.
    /// </summary>
    public static void Remove(TargetPaths paths)
    {
        if (!Directory.Exists(paths.Parent))
        {
            return;
        }

        using (ResumeJournal.Lock(paths.Journal))
        {
            ReadOnlyTree.Remove(paths.Partial);
            if (Directory.Exists(paths.Target))
            {
                Directory.Move(paths.Target, paths.Partial);
                ReadOnlyTree.FlushFolder(paths.Parent);
                ReadOnlyTree.Remove(paths.Partial);
            }

            File.Delete(paths.Journal); // while the lock is still held
        }
    }
}
