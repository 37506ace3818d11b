namespace AiModels.CsiDriver.Volumes;

/// <summary>A provisioned volume.</summary>
/// <param name="CapacityBytes">What was asked for; it reserves nothing, because models are shared among all who mount them. 0 when nothing was asked.</param>
/// <param name="Attributes">What kubelet hands to NodePublishVolume.</param>
internal sealed record VolumeRecord(string Name, string VolumeId, long CapacityBytes, SortedDictionary<string, string> Attributes)
{
    /// <summary>Whether this volume is what another request for its name asks for (CSI: otherwise AlreadyExists).</summary>
    public bool Satisfies(long requiredBytes, long limitBytes, IReadOnlyDictionary<string, string> attributes) =>
        CapacityBytes >= requiredBytes && (limitBytes == 0 || CapacityBytes <= limitBytes)
        && Attributes.Count == attributes.Count && Attributes.All(attribute => attributes.TryGetValue(attribute.Key, out string? value) && value == attribute.Value);
}
