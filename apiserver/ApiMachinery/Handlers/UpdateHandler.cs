using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Http;
using AiModels.ApiMachinery.Negotiation;
using AiModels.ApiMachinery.Resources;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace AiModels.ApiMachinery.Handlers;

/// <summary>PUT of an object or of its /status (contract 4.7).</summary>
internal sealed class UpdateHandler(IOptions<ApiMachineryOptions> options, TimeProvider time)
{
    public async Task HandleAsync(HttpContext context, RequestInfo info, ServedResource resource)
    {
        Negotiated negotiated = Negotiated.For(context);
        List<string> duplicates = [];
        WriteOptions write = WriteQuery.Parse(context, "UpdateOptions", UserFeature.Of(context), duplicates);
        JsonObject obj = BodyDecoder.Decode(
            await RequestBody.ReadAsync(context, options.Value.MaximumRequestBytes), context.Request.ContentType, resource.Definition, duplicates);
        try
        {
            ResourceObject updated = await resource.Store.UpdateAsync(
                info.Namespace, info.Name, _ => obj.DeepClone().AsObject(), write, context.RequestAborted, UpdateKind.Replace, info.Subresource);
            WarningHeaders.Add(context, write.Warnings);
            await ObjectWriter.WriteAsync(context, negotiated, 200, resource.Definition, updated, time.GetUtcNow());
        }
        catch (Errors.ApiException)
        {
            WarningHeaders.Add(context, write.Warnings);
            throw;
        }
    }
}
