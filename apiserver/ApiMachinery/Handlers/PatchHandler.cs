using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Errors;
using AiModels.ApiMachinery.Http;
using AiModels.ApiMachinery.Negotiation;
using AiModels.ApiMachinery.Patching;
using AiModels.ApiMachinery.Resources;
using AiModels.ApiMachinery.Schemas;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace AiModels.ApiMachinery.Handlers;

/// <summary>PATCH of an object or of its /status: JSON patch, merge patch, server-side apply, and strategic merge where the kind has it (contract 4.8).</summary>
internal sealed class PatchHandler(IOptions<ApiMachineryOptions> options, TimeProvider time, RequestAuthorizer authorizer)
{
    private static readonly string[] Accepted = [MediaTypes.JsonPatch, MediaTypes.MergePatch, MediaTypes.ApplyPatch];
    private static readonly string[] AcceptedWithStrategic = [MediaTypes.JsonPatch, MediaTypes.MergePatch, MediaTypes.StrategicMergePatch, MediaTypes.ApplyPatch];

    public async Task HandleAsync(HttpContext context, RequestInfo info, ServedResource resource)
    {
        Negotiated negotiated = Negotiated.For(context);
        string type = (context.Request.ContentType ?? "").Split(';', 2)[0].Trim().ToLowerInvariant();
        string[] accepted = resource.Definition.HasStrategicMergePatch ? AcceptedWithStrategic : Accepted;
        if (!accepted.Contains(type))
        {
            throw ApiError.UnsupportedMediaType(accepted);
        }

        List<string> duplicates = [];
        bool isApply = type == MediaTypes.ApplyPatch;
        WriteOptions write = WriteQuery.Parse(context, "PatchOptions", UserFeature.Of(context), duplicates, isApply);
        ReadOnlyMemory<byte> body = await RequestBody.ReadAsync(context, options.Value.MaximumRequestBytes);
        try
        {
            (ResourceObject obj, bool isNew) = isApply
                ? await ApplyAsync(context, info, resource, body, duplicates, write)
                : (await PatchAsync(info, resource, type, body, duplicates, write, context.RequestAborted), false);
            WarningHeaders.Add(context, write.Warnings);
            await ObjectWriter.WriteAsync(context, negotiated, isNew ? 201 : 200, resource.Definition, obj, time.GetUtcNow());
        }
        catch (ApiException)
        {
            WarningHeaders.Add(context, write.Warnings);
            throw;
        }
    }

    private static Task<ResourceObject> PatchAsync(
        RequestInfo info, ServedResource resource, string type, ReadOnlyMemory<byte> body, List<string> duplicates, WriteOptions write,
        CancellationToken cancellationToken)
    {
        JsonNode? patch = Parse(body, duplicates, type == MediaTypes.JsonPatch);
        return resource.Store.UpdateAsync(
            info.Namespace, info.Name, live => Patch(resource.Definition, live, patch, type), write, cancellationToken, UpdateKind.Change, info.Subresource);
    }

    private static JsonNode? Parse(ReadOnlyMemory<byte> body, List<string> duplicates, bool isJsonPatch)
    {
        List<string> found = [];
        JsonNode? patch = BodyDecoder.Patch(body, found);
        duplicates.AddRange(isJsonPatch ? found.Concat(JsonPatch.UnknownFields(patch)).Select(text => "json patch " + text) : found);
        return patch;
    }

    internal static JsonObject Patch(ResourceDefinition definition, JsonObject live, JsonNode? patch, string type)
    {
        try
        {
            return type switch
            {
                MediaTypes.JsonPatch => JsonPatch.Apply(live, patch),
                MediaTypes.StrategicMergePatch => StrategicMergePatch.Apply(definition.Schema, live, ObjectOf(patch)),
                _ => MergePatch.Apply(live, ObjectOf(patch)),
            };
        }
        catch (PatchException error)
        {
            throw error.Problem switch
            {
                PatchProblem.Malformed => ApiError.BadRequest(error.Message),
                PatchProblem.TooLarge => ApiError.RequestEntityTooLarge(error.Message.Replace("Request entity too large: ", "", StringComparison.Ordinal)),
                _ => ApiError.Unprocessable(),
            };
        }
    }

    private static JsonObject ObjectOf(JsonNode? patch) => patch switch
    {
        JsonObject obj => obj,
        null => throw ApiError.BadRequest("Invalid JSON Patch"),
        _ => throw ApiError.BadRequest($"error decoding patch: json: cannot unmarshal {ObjectMetaShape.GoKind(patch)} into Go value of type map[string]interface {{}}"),
    };

    private async Task<(ResourceObject Object, bool IsNew)> ApplyAsync(
        HttpContext context, RequestInfo info, ServedResource resource, ReadOnlyMemory<byte> body, List<string> duplicates, WriteOptions write)
    {
        JsonObject applied = BodyDecoder.Applied(body, duplicates) ?? [];
        RefuseOrWarn(duplicates, write);
        CheckApplied(applied, info, resource.Definition);
        return await resource.Store.ApplyAsync(
            info.Namespace, info.Name, applied, write, info.Subresource, isThere => AdmitAsync(context, info, applied, isThere), context.RequestAborted);
    }

    private async ValueTask AdmitAsync(HttpContext context, RequestInfo info, JsonObject applied, bool isThere)
    {
        CheckName(ObjectMetadata.Of(applied), info, isThere);

        // Creating by apply needs the right to create (contract A21).
        if (info.Subresource.Length == 0 && !isThere)
        {
            await authorizer.RequireAsync(context, info with { Verb = "create" });
        }
    }

    // The decoder tells all lines in one text; each is a warning of its own (contract M20).
    private static void RefuseOrWarn(List<string> duplicates, WriteOptions write)
    {
        if (duplicates.Count > 0 && write.FieldValidation == FieldValidation.Strict)
        {
            throw ApiError.BadRequest("error strict decoding YAML: error converting YAML to JSON: " + string.Join(", ", duplicates));
        }

        foreach (string line in write.FieldValidation == FieldValidation.Warn ? duplicates.SelectMany(text => text.Split('\n').Skip(1)) : [])
        {
            write.Warnings.Add(line.Trim());
        }
    }

    private static void CheckApplied(JsonObject applied, RequestInfo info, ResourceDefinition definition)
    {
        string apiVersion = applied["apiVersion"]?.ToString() ?? "", kind = applied["kind"]?.ToString() ?? "";
        if (apiVersion != definition.ApiVersion || kind != definition.Kind)
        {
            throw ApiError.BadRequest($"invalid object type: {(apiVersion.Contains('/', StringComparison.Ordinal) ? "" : "/")}{apiVersion}, Kind={kind}");
        }

        JsonObject metadata = ObjectMetadata.Of(applied);
        string @namespace = ObjectMetadata.Text(metadata, "namespace");
        if (definition.Scope == ResourceScope.Namespaced && @namespace.Length > 0 && @namespace != info.Namespace)
        {
            throw ApiError.BadRequest("the namespace of the provided object does not match the namespace sent on the request");
        }

        if (metadata["managedFields"] is not null)
        {
            throw ApiError.BadRequest("metadata.managedFields must be nil");
        }
    }

    // What is there has a name already, and the configuration may leave it out.
    private static void CheckName(JsonObject metadata, RequestInfo info, bool isThere)
    {
        string name = ObjectMetadata.Text(metadata, "name");
        if (name.Length == 0 && isThere)
        {
            metadata["name"] = info.Name;
        }
        else if (name != info.Name)
        {
            throw ApiError.BadRequest(name.Length == 0
                ? $"the name of the object ({info.Name} based on URL) was undeterminable: name must be provided"
                : $"the name of the object ({name}) does not match the name on the URL ({info.Name})");
        }
    }
}
