namespace AiModels.Registry.Capacity;

/// <summary>
/// Room for bytes that are on their way. It grows with a transfer whose length nobody announced; disposing it gives back whatever has not been settled by
/// <see cref="CapacityLedger.EndChange"/>.
/// </summary>
internal sealed class CapacityHold(CapacityLedger ledger, string? repository) : IDisposable
{
    public string? Repository { get; } = repository;

    /// <summary>Bytes held.</summary>
    public long Bytes { get; set; }

    /// <summary>How many of them come out of the repository's reservation.</summary>
    public long Within { get; set; }

    /// <summary>Takes more room, or throws as <see cref="CapacityLedger.HoldAsync"/> does.</summary>
    public void Extend(long bytes) => ledger.Extend(this, bytes);

    public void Dispose() => ledger.Release(this);
}
