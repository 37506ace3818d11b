using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Errors;
using AiModels.ApiMachinery.Schemas;

namespace AiModels.ApiMachinery.Handlers;

/// <summary>Whether a body has the types of metav1.DeleteOptions: one that is misread could delete what it should not (contract X1, 400).</summary>
internal static class DeleteOptionsShape
{
    private const string Scheme = "k8s.io/apimachinery/pkg/apis/meta/internalversion/scheme/register.go:27";

    /// <summary>The body itself, when it is DeleteOptions.</summary>
    public static JsonObject Checked(JsonObject body)
    {
        if (body["kind"]?.ToString() is { Length: > 0 } kind && kind != "DeleteOptions")
        {
            throw ApiError.BadRequest($"no kind \"{kind}\" is registered for version \"{body["apiVersion"]?.ToString() ?? "v1"}\" in scheme \"{Scheme}\"");
        }

        Check<string>(body, "DeleteOptions.", "propagationPolicy", "v1.DeletionPropagation");
        Check<bool>(body, "DeleteOptions.", "orphanDependents", "bool");
        Check<long>(body, "DeleteOptions.", "gracePeriodSeconds", "int64");
        if (body["dryRun"] is { } dryRun && dryRun is not JsonArray)
        {
            throw Wrong(dryRun, "DeleteOptions.dryRun", "[]string");
        }

        switch (body["preconditions"])
        {
            case null:
                return body;
            case JsonObject preconditions:
                Check<string>(preconditions, "Preconditions.preconditions.", "uid", "types.UID");
                Check<string>(preconditions, "Preconditions.preconditions.", "resourceVersion", "string");
                return body;
            case var other:
                throw Wrong(other, "DeleteOptions.preconditions", "v1.Preconditions");
        }
    }

    private static void Check<T>(JsonObject owner, string path, string field, string type)
    {
        if (owner[field] is { } node && !(node is JsonValue value && value.TryGetValue(out T? _)))
        {
            throw Wrong(node, path + field, type);
        }
    }

    // Go shows a number that does not fit.
    private static ApiException Wrong(JsonNode node, string field, string type)
    {
        string kind = ObjectMetaShape.GoKind(node);
        return ApiError.BadRequest($"json: cannot unmarshal {kind}{(kind == "number" && type == "int64" ? " " + node.ToJsonString() : "")} into Go struct field {field} of type {type}");
    }
}
