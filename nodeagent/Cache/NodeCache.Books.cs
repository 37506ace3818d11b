using AiModels.NodeAgent.Materialization;

namespace AiModels.NodeAgent.Cache;

/// <summary>What is written about models and leases, on a disk that may be full.</summary>
internal sealed partial class NodeCache
{
    private readonly LastProblem _unwritten = new();

    /// <summary>
    /// Writes what counts only when it is on the disk. A full disk is met as in a download, by evicting; throws <see cref="NodeAgentException"/> (ResourceExhausted) with the disk's
    /// numbers when nothing can go.
    /// </summary>
    private void Write(Action write, CacheEntry wanting)
    {
        while (true)
        {
            try
            {
                write();
                return;
            }
            catch (IOException e) when (DiskFull.IsReasonOf(e))
            {
                if (!TryFreeDisk(wanting))
                {
                    throw new NodeAgentException(NodeAgentException.ResourceExhausted, FullDisk(e));
                }
            }
        }
    }

    /// <summary>Writes what a restart can do without for a while: who asked, when, and whether it stays. What the disk does not take is written by a later <see cref="Trim"/>.</summary>
    private void Note(CacheEntry entry) => entry.IsNoted = TryWrite(() => folder.Write(entry.ToRecord()));

    /// <summary>False, and said once, when the disk does not take it.</summary>
    private bool TryWrite(Action write)
    {
        try
        {
            write();
            _unwritten.Forget();
            return true;
        }
        catch (IOException e)
        {
            if (_unwritten.IsNews(e.Message))
            {
                Log.NotWritten(logger, e.Message);
            }

            return false;
        }
    }
}
