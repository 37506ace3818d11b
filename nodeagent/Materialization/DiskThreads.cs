using System.Collections.Concurrent;

namespace AiModels.NodeAgent.Materialization;

/// <summary>
/// Threads of their own for calls that wait for the disk. The pool has one thread a processor and adds more with hesitation: a write that waited on one of them would leave a
/// processor idle, while the chunks that have arrived wait to be expanded.
/// </summary>
internal sealed class DiskThreads
{
    // Pieces of 2 MiB in the kernel at once: a local disk reaches its speed with one or two, a network volume far away with more. As many as chunks are expanded at once.
    private static readonly int Count = Math.Clamp(2 * Environment.ProcessorCount, 4, 16);

    private readonly BlockingCollection<(Action Work, TaskCompletionSource Done)> _queue = [];

    private DiskThreads()
    {
        for (int i = 0; i < Count; i++)
        {
            new Thread(Run) { IsBackground = true, Name = "disk" }.Start();
        }
    }

    /// <summary>The process's; made with the first write.</summary>
    public static DiskThreads Shared => Made.Value;

    private static readonly Lazy<DiskThreads> Made = new(() => new DiskThreads());

    /// <summary>Completes when the work is done, or with what it threw. Work that is queued is done: there is no way back.</summary>
    public Task RunAsync(Action work)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _queue.Add((work, done));
        return done.Task;
    }

    private void Run()
    {
        foreach ((Action work, TaskCompletionSource done) in _queue.GetConsumingEnumerable())
        {
            try
            {
                work();
                done.SetResult();
            }
            catch (Exception e)
            {
                done.SetException(e);
            }
        }
    }
}
