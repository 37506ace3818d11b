using System.ComponentModel.DataAnnotations;

namespace AiModels.ApiMachinery.Http;

/// <summary>Limits and identity of an API server. Defaults are upstream's.</summary>
public sealed class ApiMachineryOptions
{
    /// <summary>Bytes of a create, update, patch or delete body (contract E8).</summary>
    [Range(1024, 1 << 30)]
    public int MaximumRequestBytes { get; set; } = 3 * 1024 * 1024;

    /// <summary>How long an ordinary request may take; ?timeout= can only shorten it (contract E9).</summary>
    public TimeSpan RequestTimeout { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>How long the write of an object may take, before the bound of all requests says so less precisely (contract E10; upstream's 34 s).</summary>
    public TimeSpan WriteTimeout { get; set; } = TimeSpan.FromSeconds(34);

    /// <summary>
    /// How long everything is served after /readyz has failed, so that nobody is sent here any more when the server stops taking requests (contract H11).
    /// </summary>
    public TimeSpan ShutdownDelay { get; set; }

    /// <summary>Chance that a request asks its HTTP/2 connection to close (contract H13); 0 never, and no more than 0.02, as upstream.</summary>
    [Range(0, MaximumGoAwayChance)]
    public double GoAwayChance { get; set; }

    /// <summary>Upstream's bound: more would spend more on connections than on requests.</summary>
    public const double MaximumGoAwayChance = 0.02;

    /// <summary>How long a watch lives that asks for nothing: between this and twice this (contract W10).</summary>
    public TimeSpan MinimumWatchTimeout { get; set; } = TimeSpan.FromSeconds(1800);

    /// <summary>How often an idle watch gets a bookmark when it asked for them (contract W9).</summary>
    public TimeSpan BookmarkInterval { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>How long a read waits for a resourceVersion that is not there yet (contract L9).</summary>
    public TimeSpan FutureRevisionWait { get; set; } = TimeSpan.FromSeconds(3);

    /// <summary>Reads at the same time, watches not counted; more answer 429 (contract H1). 0: no limit.</summary>
    [Range(0, int.MaxValue)]
    public int MaximumReadsInFlight { get; set; } = 400;

    /// <summary>Writes at the same time; more answer 429. 0: no limit.</summary>
    [Range(0, int.MaxValue)]
    public int MaximumWritesInFlight { get; set; } = 200;

    /// <summary>
    /// Watches and long-running subresources at the same time; more answer 429. Upstream has no such bound; a watch on a connection of its own holds about
    /// 90 KB, and memory must not be what ends a flood of them. 0: no limit.
    /// </summary>
    [Range(0, int.MaxValue)]
    public int MaximumLongRunning { get; set; } = 20_000;

    /// <summary>Lets requests without credentials through as system:anonymous, for the authorizer to judge.</summary>
    public bool AllowAnonymous { get; set; } = true;

    /// <summary>Title of the OpenAPI documents.</summary>
    public string Title { get; set; } = "AI Models";

    /// <summary>gitVersion of /version.</summary>
    public string Version { get; set; } = "v1.36.0";
}
