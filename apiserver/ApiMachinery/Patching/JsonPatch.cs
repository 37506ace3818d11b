using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Schemas;

namespace AiModels.ApiMachinery.Patching;

/// <summary>
/// JSON patch (RFC 6902) with the limits of Kubernetes (contract P4), and as its library (evanphx/json-patch 4) takes it where the RFC is stricter: what is not
/// there is null to <c>test</c>, <c>copy</c> and <c>replace</c> as long as what should hold it is there, a missing value is null, and negative positions count from a list's end.
/// </summary>
public static class JsonPatch
{
    /// <summary>Operations accepted in one patch.</summary>
    public const int MaximumOperations = 10000;

    // 3 MiB, as for request bodies: copy would otherwise double a document with every operation.
    private const int MaximumCopiedBytes = 3 * 1024 * 1024;

    /// <summary>The patched object. Neither argument is changed. All operations succeed, or none has an effect.</summary>
    /// <exception cref="PatchException">Malformed patch, failed operation, or too large.</exception>
    public static JsonObject Apply(JsonObject target, JsonNode? patch)
    {
        if (patch is null)
        {
            return target.DeepClone().AsObject(); // No operations, as upstream's decoder has it.
        }

        if (patch is not JsonArray operations)
        {
            throw PatchException.Malformed($"error decoding patch: json: cannot unmarshal {ObjectMetaShape.GoKind(patch)} into Go value of type []handlers.jsonPatchOp");
        }

        if (operations.Count > MaximumOperations)
        {
            throw new PatchException(
                PatchProblem.TooLarge, $"The allowed maximum operations in a JSON patch is {MaximumOperations}, got {operations.Count}");
        }

        foreach (JsonNode? operation in operations)
        {
            CheckShape(operation);
        }

        JsonNode? document = target.DeepClone();
        long copied = 0;
        foreach (JsonNode? operation in operations)
        {
            document = ApplyOne(document, operation, ref copied);
        }

        return document as JsonObject ?? throw PatchException.Rejected("json patch replaced the object by something that is none");
    }

    /// <summary>Members that no operation has, as in <c>unknown field "[0].foo"</c>: they mean nothing (contract V6).</summary>
    public static IEnumerable<string> UnknownFields(JsonNode? patch)
    {
        JsonArray operations = patch as JsonArray ?? [];
        for (int i = 0; i < operations.Count; i++)
        {
            foreach ((string name, _) in operations[i] as JsonObject ?? [])
            {
                if (name is not ("op" or "path" or "from" or "value"))
                {
                    yield return $"unknown field \"[{i}].{name}\"";
                }
            }
        }
    }

    // What upstream's decoder wants of an operation, in its words.
    private static void CheckShape(JsonNode? node)
    {
        if (node is not (null or JsonObject))
        {
            throw PatchException.Malformed($"error decoding patch: json: cannot unmarshal {ObjectMetaShape.GoKind(node)} into Go value of type handlers.jsonPatchOp");
        }

        foreach (string field in (ReadOnlySpan<string>)["op", "path", "from"])
        {
            if (node?[field] is { } value && value.GetValueKind() != System.Text.Json.JsonValueKind.String)
            {
                throw PatchException.Malformed($"error decoding patch: json: cannot unmarshal {ObjectMetaShape.GoKind(value)} into Go struct field jsonPatchOp.{field} of type string");
            }
        }
    }

    private static JsonNode? ApplyOne(JsonNode? document, JsonNode? node, ref long copied)
    {
        JsonObject operation = node as JsonObject ?? throw PatchException.Rejected("json patch operation is not an object");
        string op = Field(operation, "op");
        JsonPointer path = JsonPointer.Parse(Field(operation, "path"));
        switch (op)
        {
            case "add":
                Add(document, path, Value(operation));
                return document;
            case "remove":
                Remove(document, path);
                return document;
            case "replace":
                return Replace(document, path, Value(operation));
            case "move":
                Add(document, path, Remove(document, JsonPointer.Parse(Field(operation, "from"))));
                return document;
            case "copy":
                Add(document, path, Copy(document, JsonPointer.Parse(Field(operation, "from")), ref copied));
                return document;
            case "test":
                return JsonNode.DeepEquals(path.IsRoot ? document : path.Find(document), Value(operation))
                    ? document
                    : throw PatchException.Rejected($"testing value {path.Text} failed: test failed");
            default:
                throw PatchException.Rejected($"json patch: unexpected kind: {op}");
        }
    }

    private static void Add(JsonNode? document, JsonPointer path, JsonNode? value)
    {
        switch (path.FindParent(document))
        {
            case JsonObject parent:
                parent[path.Last] = value;
                break;
            case JsonArray list when path.Last == "-":
                list.Add(value);
                break;
            case JsonArray list:
                list.Insert(path.IndexOf(path.Last, list.Count + 1), value);
                break;
        }
    }

    // A member that is not there is added: the RFC wants a refusal, but upstream's library does it, and patches rely on that.
    private static JsonNode? Replace(JsonNode? document, JsonPointer path, JsonNode? value)
    {
        if (path.IsRoot)
        {
            return value;
        }

        switch (path.FindParent(document))
        {
            case JsonObject parent:
                parent[path.Last] = value;
                break;
            case JsonArray list:
                list[path.IndexOf(path.Last, list.Count)] = value;
                break;
        }

        return document;
    }

    private static JsonNode? Remove(JsonNode? document, JsonPointer path)
    {
        JsonNode? removed;
        switch (path.FindParent(document))
        {
            case JsonObject parent:
                removed = parent.TryGetPropertyValue(path.Last, out JsonNode? value) ? value : throw path.Missing();
                parent.Remove(path.Last);
                return removed;
            case JsonArray list:
                int index = path.IndexOf(path.Last, list.Count);
                removed = list[index];
                list.RemoveAt(index);
                return removed;
            default:
                throw path.Missing();
        }
    }

    private static JsonNode? Copy(JsonNode? document, JsonPointer from, ref long copied)
    {
        JsonNode? copy = from.Find(document)?.DeepClone();
        copied += copy?.ToJsonString().Length ?? 0;
        return copied <= MaximumCopiedBytes
            ? copy
            : throw new PatchException(
                PatchProblem.TooLarge, $"Unable to complete the copy, the accumulated size increase of copy is {copied}, exceeding the limit {MaximumCopiedBytes}");
    }

    private static string Field(JsonObject operation, string name) =>
        (string?)operation[name] ?? throw PatchException.Rejected($"json patch operation has no \"{name}\"");

    // No value is null.
    private static JsonNode? Value(JsonObject operation) => operation["value"]?.DeepClone();
}
