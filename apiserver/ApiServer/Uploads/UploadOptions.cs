namespace AiModels.ApiServer.Uploads;

/// <summary>How uploads are taken.</summary>
internal sealed class UploadOptions
{
    /// <summary>Base of the URL that uploaders are told, without a slash at the end: https://host:port.</summary>
    public required string ExternalUrl { get; init; }

    /// <summary>How long a session stays open after its last byte. 30 minutes (requirement Q3).</summary>
    public TimeSpan Lifetime { get; init; } = TimeSpan.FromMinutes(30);

    /// <summary>Refuse uploads that do not announce their length: storage is limited and must be reserved before bytes move.</summary>
    public bool RequireLength { get; init; }

    /// <summary>Longest file, in bytes.</summary>
    public long MaximumLength { get; init; } = 2L << 40;

    /// <summary>Whether other replicas may receive the same upload.</summary>
    public bool IsShared { get; init; }

    /// <summary>Transfers at the same time; more wait with their bytes unread. Four keep the buffers (some 80 MiB each at most) within what a small Pod has.</summary>
    public int MaximumTransfers { get; init; } = 4;

    /// <summary>Buffers of one transfer. 64 MiB: one chunk is received while another is encoded and sent.</summary>
    public long BytesInFlight { get; init; } = 64L << 20;

    /// <summary>What paused uploads may hold together, in bytes. 128 MiB; beyond that they are taken up again from the registry.</summary>
    public long ParkedBytes { get; init; } = 128L << 20;

    /// <summary>How long the encoder of an interrupted upload is kept for the next PATCH.</summary>
    public TimeSpan ParkingTime { get; init; } = TimeSpan.FromSeconds(20);
}
