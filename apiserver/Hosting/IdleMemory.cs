using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace AiModels.Hosting;

/// <summary>Holds memory that it can do without while nothing happens.</summary>
public interface ISpareMemory
{
    /// <summary>Lets go of it, for the collector to find.</summary>
    void Release();
}

/// <summary>
/// Gives memory back when there is nothing to do. The runtime returns what a burst needed only while it collects, and collects only when somebody
/// allocates: a server that became quiet would keep it for ever.
/// </summary>
/// <param name="allocated">Bytes allocated since the start.</param>
/// <param name="collect">Collects and gives back what is free; pauses the process for some ten milliseconds.</param>
internal sealed class IdleMemory(TimeProvider time, IEnumerable<ISpareMemory> spares, Func<long> allocated, Action collect) : BackgroundService
{
    /// <summary>Who was quiet for so long will be for longer.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);

    /// <summary>Who allocates less than this in an interval is quiet: probes and renewals of leases do, a list of a few thousand objects does not.</summary>
    public const long Quiet = 16 << 20;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var ticks = new PeriodicTimer(Interval, time);
        long before = allocated();
        bool hasWorked = false;
        while (await ticks.WaitForNextTickAsync(stoppingToken))
        {
            long now = allocated();
            bool isQuiet = now - before < Quiet;
            if (isQuiet && hasWorked)
            {
                foreach (ISpareMemory spare in spares)
                {
                    spare.Release();
                }

                collect();
            }

            (hasWorked, before) = (!isQuiet, now);
        }
    }
}

/// <summary>Registers <see cref="IdleMemory"/>.</summary>
public static class IdleMemoryExtensions
{
    /// <summary>Gives the process's free memory back to the machine when it has become quiet. For servers that run for long.</summary>
    public static IServiceCollection AddIdleMemory(this IServiceCollection services) => services.AddHostedService(provider => new IdleMemory(
        provider.GetRequiredService<TimeProvider>(),
        provider.GetServices<ISpareMemory>(),
        () => GC.GetTotalAllocatedBytes(),
        () => GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true)));
}
