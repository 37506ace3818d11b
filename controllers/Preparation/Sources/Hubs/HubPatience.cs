namespace AiModels.Controllers.Preparation.Sources.Hubs;

/// <summary>How long a hub is waited for, and how often it is asked again. Nothing waits for ever.</summary>
internal sealed record HubPatience
{
    /// <summary>How long an answer may take to begin: two orders above what a hub takes when it is well.</summary>
    public TimeSpan Answer { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>No byte for so long is a broken connection: what users complain of most is a download that hangs for ever.</summary>
    public TimeSpan Stall { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The first pause before something is tried again; each further one is twice as long.</summary>
    public TimeSpan FirstDelay { get; init; } = TimeSpan.FromSeconds(1);

    public TimeSpan LongestDelay { get; init; } = TimeSpan.FromSeconds(16);

    /// <summary>Attempts at one request or range that bring nothing; then the whole preparation rests and is taken up again later.</summary>
    public int Retries { get; init; } = 6;

    /// <summary>For how long a source may fail without one more byte being stored; then the model is Failed.</summary>
    public TimeSpan Budget { get; init; } = TimeSpan.FromHours(1);

    public static HubPatience Of(PreparationOptions options) => new()
    {
        Stall = TimeSpan.FromSeconds(options.SourceStallSeconds),
        Budget = TimeSpan.FromMinutes(options.SourceRetryMinutes),
    };
}
