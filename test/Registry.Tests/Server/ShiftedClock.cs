namespace AiModels.Registry.Tests.Server;

/// <summary>The system's clock, moved: files carry the system's times, and tests make them old.</summary>
internal sealed class ShiftedClock : TimeProvider
{
    public TimeSpan Shift { get; set; }

    public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + Shift;
}
