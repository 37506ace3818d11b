using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Http;
using AiModels.ApiMachinery.Negotiation;
using AiModels.ApiMachinery.Resources;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace AiModels.ApiMachinery.Handlers;

/// <summary>DELETE of one object: a Status when it is gone, the object while finalizers hold it (contract 4.11).</summary>
internal sealed class DeleteHandler(IOptions<ApiMachineryOptions> options, TimeProvider time)
{
    public async Task HandleAsync(HttpContext context, RequestInfo info, ServedResource resource)
    {
        Negotiated negotiated = Negotiated.For(context);
        DeleteQuery query = await DeleteQuery.ReadAsync(context, options.Value.MaximumRequestBytes);
        DeleteResult result;
        try
        {
            result = await resource.Store.DeleteAsync(info.Namespace, info.Name, query.Options, context.RequestAborted);
        }
        finally
        {
            WarningHeaders.Add(context, query.Options.Warnings);
        }

        if (result.IsGone)
        {
            await ObjectWriter.WriteAsync(context, Negotiated.ForError(context), 200, Success(resource.Definition, info.Name, result.Object.ToJson()));
            return;
        }

        await ObjectWriter.WriteAsync(
            context, negotiated, query.IsExplicitlyNotOrphaning ? 202 : 200, resource.Definition, result.Object, time.GetUtcNow());
    }

    private static JsonObject Success(ResourceDefinition definition, string name, JsonObject deleted)
    {
        var details = new JsonObject { ["name"] = name };
        if (definition.Group.Length > 0)
        {
            details["group"] = definition.Group;
        }

        details["kind"] = definition.Plural;
        details["uid"] = deleted["metadata"]!["uid"]?.DeepClone();
        return new JsonObject
        {
            ["kind"] = "Status",
            ["apiVersion"] = "v1",
            ["metadata"] = new JsonObject(),
            ["status"] = "Success",
            ["details"] = details,
        };
    }
}
