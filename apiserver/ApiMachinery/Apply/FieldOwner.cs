using AiModels.ApiMachinery.Validation;

namespace AiModels.ApiMachinery.Apply;

/// <summary>
/// Who owns fields (contract M1). Applies are the same whatever version they were written in; updates are not, so <see cref="Version"/> is empty for applies.
/// </summary>
internal sealed record FieldOwner(string Manager, bool IsApply, string Version, string Subresource)
{
    public static FieldOwner Applier(string manager, string subresource) => new(manager, true, "", subresource);

    public static FieldOwner Updater(string manager, string version, string subresource) => new(manager, false, version, subresource);

    /// <summary>As conflict messages call it (contract M30).</summary>
    public override string ToString() =>
        FieldError.Quote(Manager)
        + (Subresource.Length > 0 ? " with subresource " + FieldError.Quote(Subresource) : "")
        + (IsApply ? "" : " using " + Version);
}

/// <summary>What an owner owns.</summary>
/// <param name="Fields">The fields.</param>
/// <param name="Version">apiVersion they are written in.</param>
/// <param name="Time">When the entry last changed, as stored; empty when unknown.</param>
internal sealed record Ownership(FieldSet Fields, string Version, string Time);
