using System.Text;
using System.Text.Json.Nodes;

namespace AiModels.ApiMachinery.Validation;

/// <summary>
/// Rules of metav1.ObjectMeta that every kind obeys (contract 4.2): names, labels, annotations, owners, finalizers, and what never changes.
/// The shape of the document (labels are strings …) is checked before, by the schema.
/// </summary>
public static class ObjectMetaRules
{
    private const int MaximumAnnotationBytes = 256 * 1024;
    private const string OrphanFinalizer = "orphan", ForegroundFinalizer = "foregroundDeletion", KubernetesFinalizer = "kubernetes";

    /// <summary>Fields of metadata that keep their value for the object's life (contract B6).</summary>
    private static readonly string[] ImmutableFields =
        ["name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"];

    /// <summary>Checks the metadata of an object that is about to be stored. Generated names must have been filled in.</summary>
    /// <param name="obj">The complete object.</param>
    /// <param name="isNamespaced">Whether the kind lives in namespaces.</param>
    /// <param name="nameRule">What is wrong with a name; null for RFC 1123 subdomains.</param>
    public static IReadOnlyList<FieldError> Validate(JsonObject obj, bool isNamespaced, Func<string, IReadOnlyList<string>>? nameRule = null)
    {
        var errors = new List<FieldError>();
        JsonObject metadata = obj["metadata"] as JsonObject ?? [];
        nameRule ??= NameRules.Dns1123Subdomain;

        string name = Text(metadata["name"]), generateName = Text(metadata["generateName"]), ns = Text(metadata["namespace"]);
        if (generateName.Length > 0)
        {
            // A prefix may end in a dash: the random letters that follow make it a name.
            string prefix = generateName.Length > 1 && generateName[^1] == '-' ? generateName[..^2] + "a" : generateName;
            AddInvalid(errors, "metadata.generateName", generateName, nameRule(prefix));
        }

        if (name.Length == 0)
        {
            errors.Add(FieldError.Required("metadata.name", "name or generateName is required"));
        }
        else
        {
            // Rules of paths are asked only of names that the kind would take.
            IReadOnlyList<string> problems = nameRule(name);
            AddInvalid(errors, "metadata.name", name, problems.Count > 0 ? problems : NameRules.PathSegment(name));
        }

        if (!isNamespaced)
        {
            if (ns.Length > 0)
            {
                errors.Add(FieldError.Forbidden("metadata.namespace", "not allowed on this type"));
            }
        }
        else if (ns.Length == 0)
        {
            errors.Add(FieldError.Required("metadata.namespace"));
        }
        else
        {
            AddInvalid(errors, "metadata.namespace", ns, NameRules.Dns1123Label(ns));
        }

        CheckLabels(errors, metadata["labels"] as JsonObject);
        CheckAnnotations(errors, metadata["annotations"] as JsonObject);
        CheckOwners(errors, metadata["ownerReferences"] as JsonArray);
        CheckFinalizers(errors, metadata["finalizers"] as JsonArray);
        return errors;
    }

    /// <summary>Checks what an update may not do to the metadata. Call <see cref="Validate"/> as well.</summary>
    public static IReadOnlyList<FieldError> ValidateUpdate(JsonObject current, JsonObject previous)
    {
        var errors = new List<FieldError>();
        JsonObject now = current["metadata"] as JsonObject ?? [], before = previous["metadata"] as JsonObject ?? [];

        if (before["deletionTimestamp"] is not null)
        {
            var known = Texts(before["finalizers"]).ToHashSet(StringComparer.Ordinal);
            string[] added = [.. Texts(now["finalizers"]).Where(finalizer => !known.Contains(finalizer)).Distinct().Order(StringComparer.Ordinal)];
            if (added.Length > 0)
            {
                errors.Add(FieldError.Forbidden(
                    "metadata.finalizers",
                    "no new finalizers can be added if the object is being deleted, found new finalizers []string{"
                    + string.Join(", ", added.Select(FieldError.Quote)) + "}"));
            }
        }

        foreach (string field in ImmutableFields)
        {
            if (!JsonNode.DeepEquals(now[field], before[field]))
            {
                errors.Add(FieldError.InvalidRaw("metadata." + field, now[field]?.ToJsonString() ?? "null", "field is immutable"));
            }
        }

        return errors;
    }

    /// <summary>Sentences for Warning headers: finalizers without a domain (contract B5).</summary>
    public static IEnumerable<string> Warnings(JsonObject obj)
    {
        JsonObject metadata = obj["metadata"] as JsonObject ?? [];
        foreach (string finalizer in Texts(metadata["finalizers"]))
        {
            if (!finalizer.Contains('/') && finalizer is not (OrphanFinalizer or ForegroundFinalizer or KubernetesFinalizer))
            {
                yield return $"metadata.finalizers: {FieldError.Quote(finalizer)}: prefer a domain-qualified finalizer name to avoid accidental conflicts with other finalizer writers";
            }
        }
    }

    private static void CheckLabels(List<FieldError> errors, JsonObject? labels)
    {
        foreach ((string key, JsonNode? value) in labels ?? [])
        {
            AddInvalid(errors, "metadata.labels", key, NameRules.QualifiedName(key));
            AddInvalid(errors, "metadata.labels", Text(value), NameRules.LabelValue(Text(value)));
        }
    }

    private static void CheckAnnotations(List<FieldError> errors, JsonObject? annotations)
    {
        long bytes = 0;
        foreach ((string key, JsonNode? value) in annotations ?? [])
        {
            // Like labels' keys, but case does not matter (in the prefix neither).
            AddInvalid(errors, "metadata.annotations", key, NameRules.QualifiedName(key.ToLowerInvariant()));
            bytes += Encoding.UTF8.GetByteCount(key) + Encoding.UTF8.GetByteCount(Text(value));
        }

        if (bytes > MaximumAnnotationBytes)
        {
            errors.Add(FieldError.TooLong("metadata.annotations", MaximumAnnotationBytes));
        }
    }

    private static void CheckOwners(List<FieldError> errors, JsonArray? owners)
    {
        const string Path = "metadata.ownerReferences";
        string? controller = null;
        foreach (JsonNode? owner in owners ?? [])
        {
            string apiVersion = Text(owner?["apiVersion"]), kind = Text(owner?["kind"]), name = Text(owner?["name"]);
            if (apiVersion.Length == 0 || apiVersion.EndsWith('/') || apiVersion.Count(letter => letter == '/') > 1)
            {
                errors.Add(FieldError.Invalid(Path + ".apiVersion", apiVersion, "version must not be empty"));
            }

            foreach (string field in (ReadOnlySpan<string>)["kind", "name", "uid"])
            {
                if (Text(owner?[field]).Length == 0)
                {
                    errors.Add(FieldError.Invalid($"{Path}.{field}", "", "must not be empty"));
                }
            }

            if (apiVersion == "v1" && kind == "Event")
            {
                errors.Add(FieldError.InvalidRaw(Path, owner?.ToJsonString() ?? "null", "/v1, Kind=Event is disallowed from being an owner"));
            }

            if (owner?["controller"] is JsonValue flag && flag.TryGetValue(out bool isController) && isController)
            {
                string current = $"{kind}/{name}";
                if (controller is not null)
                {
                    errors.Add(FieldError.InvalidRaw(
                        Path,
                        owners!.ToJsonString(),
                        $"Only one reference can have Controller set to true. Found \"true\" in references for {controller} and {current}"));
                }

                controller ??= current;
            }
        }
    }

    private static void CheckFinalizers(List<FieldError> errors, JsonArray? finalizers)
    {
        bool hasOrphan = false, hasForeground = false;
        foreach (string finalizer in Texts(finalizers))
        {
            AddInvalid(errors, "metadata.finalizers", finalizer, NameRules.QualifiedName(finalizer));
            hasOrphan |= finalizer == OrphanFinalizer;
            hasForeground |= finalizer == ForegroundFinalizer;
        }

        if (hasOrphan && hasForeground)
        {
            errors.Add(FieldError.InvalidRaw(
                "metadata.finalizers", finalizers!.ToJsonString(), $"finalizer {OrphanFinalizer} and {ForegroundFinalizer} cannot be both set"));
        }
    }

    private static void AddInvalid(List<FieldError> errors, string path, string value, IReadOnlyList<string> problems)
    {
        foreach (string problem in problems)
        {
            errors.Add(FieldError.Invalid(path, value, problem));
        }
    }

    private static string Text(JsonNode? node) => (node as JsonValue)?.ToString() ?? "";

    private static IEnumerable<string> Texts(JsonNode? list) => (list as JsonArray ?? []).Select(Text);
}
