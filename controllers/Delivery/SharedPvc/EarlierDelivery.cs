namespace AiModels.Controllers.Delivery.SharedPvc;

/// <summary>What the workload's Pods are made of until the next delivery is prepared. Pure.</summary>
internal static class EarlierDelivery
{
    public static IEnumerable<string> Digests(Workload workload) => DeliveryPlan.Decode(workload.Document)?.Models.Select(model => model.Digest) ?? [];

    /// <summary>Whether they mount the claim of this name.</summary>
    public static bool Mounts(Workload workload, string claim) => On(workload, claim) is not null;

    /// <summary>
    /// Whether they mount this claim, and it has not got their models: it was made again under its name, or is being filled again. New ones would find empty folders; those that run mount
    /// another claim, which Kubernetes keeps until they end.
    /// </summary>
    public static bool IsLost(Workload workload, ClaimContent claim) => On(workload, claim.Name) is { } earlier
        && ((earlier.ClaimUid is { } delivered && delivered != claim.Uid) || (claim.IsOurs && earlier.Models.Any(model => !claim.Held.ContainsKey(model.Digest))));

    private static DeliveryPlan? On(Workload workload, string claim) =>
        DeliveryPlan.Decode(workload.Document) is { Mode: SharedPvcMode.ModeName } earlier && earlier.Claim == claim ? earlier : null;
}
