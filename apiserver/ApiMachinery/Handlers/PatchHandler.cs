using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Errors;
using AiModels.ApiMachinery.Http;
using AiModels.ApiMachinery.Negotiation;
using AiModels.ApiMachinery.Patching;
using AiModels.ApiMachinery.Resources;
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
        duplicates.AddRange(isJsonPatch ? found.Select(text => "json patch " + text) : found);
        return patch;
    }

    internal static JsonObject Patch(ResourceDefinition definition, JsonObject live, JsonNode? patch, string type)
    {
        try
        {
            return type switch
            {
                MediaTypes.JsonPatch => JsonPatch.Apply(live, patch),
                MediaTypes.StrategicMergePatch => StrategicMergePatch.Apply(definition.Schema, live, patch as JsonObject
                    ?? throw ApiError.BadRequest("error decoding patch: a strategic merge patch must be an object")),
                _ => MergePatch.Apply(live, patch as JsonObject
                    ?? throw ApiError.BadRequest("error decoding patch: a merge patch must be an object")),
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

    private async Task<(ResourceObject Object, bool IsNew)> ApplyAsync(
        HttpContext context, RequestInfo info, ServedResource resource, ReadOnlyMemory<byte> body, List<string> duplicates, WriteOptions write)
    {
        JsonObject applied = BodyDecoder.Applied(body, duplicates) ?? throw ApiError.BadRequest("invalid object type: , Kind=");
        if (duplicates.Count > 0 && write.FieldValidation == FieldValidation.Strict)
        {
            throw ApiError.BadRequest("error strict decoding YAML: " + string.Join(", ", duplicates));
        }

        CheckApplied(applied, info, resource.Definition);

        // Creating by apply needs the right to create (contract A21).
        if (info.Subresource.Length == 0 && await resource.Store.FindAsync(info.Namespace, info.Name, context.RequestAborted) is null)
        {
            await authorizer.RequireAsync(context, info with { Verb = "create" });
        }

        return await resource.Store.ApplyAsync(info.Namespace, info.Name, applied, write, info.Subresource, context.RequestAborted);
    }

    private static void CheckApplied(JsonObject applied, RequestInfo info, ResourceDefinition definition)
    {
        string apiVersion = applied["apiVersion"]?.ToString() ?? "", kind = applied["kind"]?.ToString() ?? "";
        if (apiVersion != definition.ApiVersion || kind != definition.Kind)
        {
            throw ApiError.BadRequest($"invalid object type: {apiVersion}, Kind={kind}");
        }

        JsonObject metadata = ObjectMetadata.Of(applied);
        string name = ObjectMetadata.Text(metadata, "name");
        if (name.Length == 0)
        {
            throw ApiError.BadRequest($"the name of the object ({name} based on URL) was undeterminable: name must be provided");
        }

        if (name != info.Name)
        {
            throw ApiError.BadRequest($"the name of the object ({name}) does not match the name on the URL ({info.Name})");
        }

        string @namespace = ObjectMetadata.Text(metadata, "namespace");
        if (definition.Scope == ResourceScope.Namespaced && @namespace.Length > 0 && @namespace != info.Namespace)
        {
            throw ApiError.BadRequest("the namespace of the provided object does not match the namespace sent on the request");
        }

        if (metadata["managedFields"] is JsonArray { Count: > 0 })
        {
            throw ApiError.BadRequest("metadata.managedFields must be nil");
        }
    }
}
