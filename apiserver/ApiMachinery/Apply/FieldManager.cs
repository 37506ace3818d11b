using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Resources;
using AiModels.ApiMachinery.Schemas;

namespace AiModels.ApiMachinery.Apply;

/// <summary>
/// Who owns which fields of the objects of one kind: server-side apply, and the bookkeeping of every other write (contract 4.10,
/// https://kubernetes.io/docs/reference/using-api/server-side-apply/). Pure and thread-safe; make one for each resource.
/// <para>
/// How to call it, in the order of a write: decode, prune and default, then <see cref="Update"/> for POST, PUT and the other patches, before admission and
/// strategy have their turn: nobody owns what the server adds. For an apply patch <see cref="Apply"/> comes first and its result goes the same way. A result
/// that differs from the live object in the times of owners only is not worth a write.
/// </para>
/// </summary>
public sealed class FieldManager
{
    private const string BeforeFirstApply = "before-first-apply";

    /// <summary>Nobody owns what identifies an object or what only the server writes (contract M3).</summary>
    private static readonly FieldSet Unowned = FieldSet.Of(
        ["apiVersion"],
        ["kind"],
        ["metadata"],
        ["metadata", "name"],
        ["metadata", "namespace"],
        ["metadata", "creationTimestamp"],
        ["metadata", "selfLink"],
        ["metadata", "uid"],
        ["metadata", "clusterName"],
        ["metadata", "generation"],
        ["metadata", "managedFields"],
        ["metadata", "resourceVersion"]);

    private static readonly FieldSet Status = FieldSet.Of(["status"]);
    private readonly Schema _schema;
    private readonly string _apiVersion;
    private readonly string _kind;
    private readonly bool _hasStatus;

    public FieldManager(ResourceDefinition resource)
    {
        _schema = resource.Schema;
        _apiVersion = resource.ApiVersion;
        _kind = resource.Kind;
        _hasStatus = resource.HasStatus;
    }

    /// <summary>
    /// Records what a POST, PUT or a patch other than apply changed: sets metadata.managedFields of <paramref name="updated"/>, in place.
    /// Never fails: a value that does not fit the schema is owned as a whole.
    /// </summary>
    /// <param name="live">The stored object; null on create.</param>
    /// <param name="updated">The state about to be stored, with the managedFields that the client sent.</param>
    /// <param name="manager">fieldManager of the request.</param>
    /// <param name="subresource">Empty for the resource itself, else status.</param>
    /// <param name="now">Time of the request.</param>
    public void Update(JsonObject? live, JsonObject updated, string manager, string subresource, DateTimeOffset now)
    {
        var metadata = updated["metadata"] as JsonObject;
        if (metadata is null)
        {
            return;
        }

        JsonNode? sent = metadata["managedFields"], stored = live?["metadata"]?["managedFields"];
        Dictionary<FieldOwner, Ownership> owners = subresource.Length == 0 && ManagedFields.IsReset(sent)
            ? []
            : Owners(subresource.Length == 0 ? sent : null, stored);
        metadata.Remove("managedFields");
        if (live is not null && owners.Count == 0)
        {
            return; // not tracked until somebody applies (contract M9)
        }

        Track(owners, live ?? [], updated, manager.Length == 0 ? "unknown" : manager, subresource, now);
        SetManagedFields(updated, owners);
    }

    /// <summary>
    /// Merges an applied document into the live object: the new object, with its managedFields. Neither argument is changed. An apply that changes nothing
    /// gives a document equal to the live one.
    /// </summary>
    /// <param name="live">The stored object; null to create one.</param>
    /// <param name="applied">The body, decoded but neither pruned nor defaulted: an unknown field must be an error here. Name and namespace filled in.</param>
    /// <param name="manager">fieldManager of the request; not empty.</param>
    /// <param name="force">Takes fields over from others instead of failing.</param>
    /// <param name="subresource">Empty for the resource itself, else status.</param>
    /// <param name="now">Time of the request.</param>
    /// <exception cref="ApplyException">Bad document, unknown fields, conflicts.</exception>
    public JsonObject Apply(JsonObject? live, JsonObject applied, string manager, bool force, string subresource, DateTimeOffset now)
    {
        CheckDocument(live, applied);
        JsonObject current = live ?? new JsonObject { ["apiVersion"] = _apiVersion, ["kind"] = _kind };
        Dictionary<FieldOwner, Ownership> owners = Owners(null, current["metadata"]?["managedFields"]);
        if (live is not null && owners.Count == 0)
        {
            // Written before anybody was tracked: what is there belongs to somebody, and removing it takes a decision (contract M8).
            // Through /status only what that can write is.
            Track(owners, [], current, BeforeFirstApply, subresource, now);
        }

        FieldOwner owner = FieldOwner.Applier(manager, subresource);
        FieldSet mentioned = AppliedFields.Of(_schema, applied);
        FieldSet config = Writable(mentioned, subresource);
        Ownership? before = owners.GetValueOrDefault(owner);
        JsonObject merged = Merge.Objects(_schema, current, applied);
        owners[owner] = new Ownership(config, _apiVersion, before?.Time ?? "");
        merged = Prune(merged, owners, before, mentioned);

        Comparison comparison = Compare(current, merged, subresource);
        Dictionary<FieldOwner, FieldSet> conflicts = Conflicts(owners, owner, comparison);
        if (conflicts.Count > 0 && !force)
        {
            AllowWhatTheClientApplied(conflicts, manager, current);
        }

        TakeOver(owners, owner, conflicts, comparison.Removed);
        bool isChanged = live is null || !comparison.IsSame;
        owners[owner] = owners[owner] with { Time = isChanged ? Timestamps.Format(now) : before?.Time ?? "" }; // Owning more of the same is no change.
        if (manager == LastApplied.Manager && subresource.Length == 0)
        {
            LastApplied.Update(merged, applied);
        }

        SetManagedFields(merged, owners);
        return merged;
    }

    private void CheckDocument(JsonObject? live, JsonObject applied)
    {
        string version = (applied["apiVersion"] as JsonValue)?.ToString() ?? "", kind = (applied["kind"] as JsonValue)?.ToString() ?? "";
        if (version != _apiVersion || kind != _kind)
        {
            throw new ApplyException(ApplyProblem.BadRequest, $"invalid object type: {(version.Contains('/') ? version : "/" + version)}, Kind={kind}");
        }

        if (applied["metadata"]?["managedFields"] is JsonArray { Count: > 0 })
        {
            throw new ApplyException(ApplyProblem.BadRequest, "metadata.managedFields must be nil");
        }

        if (TypedCheck.Run(_schema, applied, allowsDuplicates: false) is { } problem)
        {
            throw new ApplyException(ApplyProblem.NotInSchema, $"failed to create typed patch object ({Describe(applied)}): {problem}");
        }

        if (live is not null && TypedCheck.Run(_schema, live, allowsDuplicates: true) is { } liveProblem)
        {
            throw new ApplyException(ApplyProblem.NotInSchema, $"failed to create typed live object ({Describe(live)}): {liveProblem}");
        }
    }

    // A core object's type is /v1, Kind=Pod.
    private string Describe(JsonObject obj) =>
        $"{obj["metadata"]?["namespace"]}/{obj["metadata"]?["name"]}; {(_apiVersion.Contains('/') ? _apiVersion : "/" + _apiVersion)}, Kind={_kind}";

    /// <summary>The owners that the client sent, where it sent any that can be read; else the stored ones (contract M9).</summary>
    private Dictionary<FieldOwner, Ownership> Owners(JsonNode? sent, JsonNode? stored)
    {
        Dictionary<FieldOwner, Ownership>? owners = sent is null ? null : ManagedFields.Decode(sent);
        if (owners is null || owners.Count == 0)
        {
            owners = ManagedFields.Decode(stored) ?? [];
        }

        // Fields of a version that is not served cannot be compared with anything.
        foreach (FieldOwner owner in owners.Where(entry => entry.Value.Version != _apiVersion).Select(entry => entry.Key).ToList())
        {
            owners.Remove(owner);
        }

        return owners;
    }

    private void Track(Dictionary<FieldOwner, Ownership> owners, JsonObject before, JsonObject after, string manager, string subresource, DateTimeOffset now)
    {
        FieldOwner owner = FieldOwner.Updater(manager, _apiVersion, subresource);
        Comparison comparison = Compare(before, after, subresource);
        if (comparison.IsSame)
        {
            return;
        }

        // An updater takes what it changes; there is nobody to ask (contract M5). The same manager's earlier entry loses what is removed as well.
        TakeOver(owners, null, Conflicts(owners, null, comparison), comparison.Removed);
        FieldSet taken = comparison.Modified.Union(comparison.Added);
        if (!taken.IsEmpty)
        {
            FieldSet fields = owners.TryGetValue(owner, out Ownership? previous) ? previous.Fields.Union(taken) : taken;
            owners[owner] = new Ownership(fields, _apiVersion, Timestamps.Format(now));
        }

        ManagedFields.Cap(owners);
    }

    private Comparison Compare(JsonObject before, JsonObject after, string subresource) =>
        Comparison.Of(_schema, before, after).Through(fields => Writable(fields, subresource));

    /// <summary>What this request can own: without identity, and on the right side of the status border (contract M3, M11).</summary>
    private FieldSet Writable(FieldSet fields, string subresource)
    {
        FieldSet owned = fields.Except(Unowned);
        return subresource.Length > 0 ? owned.Only("status") : _hasStatus ? owned.ExceptTrees(Status) : owned;
    }

    private static Dictionary<FieldOwner, FieldSet> Conflicts(Dictionary<FieldOwner, Ownership> owners, FieldOwner? self, Comparison comparison)
    {
        var conflicts = new Dictionary<FieldOwner, FieldSet>();
        FieldSet changed = comparison.Modified.Union(comparison.Added);
        foreach ((FieldOwner owner, Ownership ownership) in owners)
        {
            FieldSet lost = owner == self ? FieldSet.Empty : ownership.Fields.Intersect(changed);
            if (!lost.IsEmpty)
            {
                conflicts[owner] = lost;
            }
        }

        return conflicts;
    }

    private static void TakeOver(
        Dictionary<FieldOwner, Ownership> owners, FieldOwner? self, Dictionary<FieldOwner, FieldSet> conflicts, FieldSet removed)
    {
        foreach ((FieldOwner owner, Ownership ownership) in owners.ToList())
        {
            if (owner == self)
            {
                continue;
            }

            FieldSet kept = conflicts.TryGetValue(owner, out FieldSet? lost) ? ownership.Fields.Except(lost) : ownership.Fields;
            kept = kept.Except(removed);
            if (kept.IsEmpty)
            {
                owners.Remove(owner);
            }
            else if (!ReferenceEquals(kept, ownership.Fields))
            {
                owners[owner] = ownership with { Fields = kept };
            }
        }
    }

    /// <summary>
    /// Removes what the manager applied before and no longer applies, unless somebody owns it too (contract M21). Three steps: take away all it had applied,
    /// put back what anybody owns now, put back what it never owned.
    /// </summary>
    /// <param name="mentioned">All fields that are applied now. Its name keeps metadata, which nobody owns, from going with the last label.</param>
    private JsonObject Prune(JsonObject merged, Dictionary<FieldOwner, Ownership> owners, Ownership? before, FieldSet mentioned)
    {
        if (before is null || before.Fields.IsEmpty)
        {
            return merged;
        }

        FieldSet last = before.Fields.WithNamedFields(_schema);
        FieldSet present = AppliedFields.Of(_schema, merged).WithNamedFields(_schema);
        FieldSet owned = owners.Values.Aggregate(mentioned, (all, ownership) => all.Union(ownership.Fields)).WithNamedFields(_schema);

        FieldSet left = AppliedFields.Of(_schema, ItemRemoval.From(_schema, merged, last)).WithNamedFields(_schema);
        JsonObject withOwned = ItemRemoval.From(_schema, merged, present.Except(left.Union(owned)));
        FieldSet kept = AppliedFields.Of(_schema, withOwned).WithNamedFields(_schema);
        return ItemRemoval.From(_schema, merged, present.Except(kept).Intersect(last));
    }

    private void AllowWhatTheClientApplied(Dictionary<FieldOwner, FieldSet> conflicts, string manager, JsonObject live)
    {
        FieldSet allowed = manager == LastApplied.Manager ? LastApplied.OwnedFields(_schema, _apiVersion, live) : FieldSet.Empty;
        List<(FieldOwner Owner, string Path)> open =
        [
            .. conflicts.OrderBy(conflict => conflict.Key.ToString(), StringComparer.Ordinal)
                .SelectMany(conflict => conflict.Value.Except(allowed).Paths().Select(path => (conflict.Key, path))),
        ];
        if (open.Count == 0)
        {
            return;
        }

        string message = open.Count == 1
            ? $"Apply failed with 1 conflict: conflict with {open[0].Owner}: {open[0].Path}"
            : $"Apply failed with {open.Count} conflicts: "
                + string.Join('\n', open.GroupBy(conflict => conflict.Owner)
                    .Select(group => $"conflicts with {group.Key}:\n" + string.Join('\n', group.Select(conflict => "- " + conflict.Path))));
        throw new ApplyException(ApplyProblem.Conflict, message)
        {
            Conflicts = [.. open.Select(conflict => new ApplyConflict($"conflict with {conflict.Owner}", conflict.Path))],
        };
    }

    private static void SetManagedFields(JsonObject obj, Dictionary<FieldOwner, Ownership> owners)
    {
        if (obj["metadata"] is not JsonObject metadata)
        {
            return;
        }

        metadata.Remove("managedFields");
        if (ManagedFields.Encode(owners) is { } list)
        {
            metadata["managedFields"] = list;
        }
    }
}
