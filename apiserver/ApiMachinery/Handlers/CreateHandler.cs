using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Http;
using AiModels.ApiMachinery.Negotiation;
using AiModels.ApiMachinery.Resources;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace AiModels.ApiMachinery.Handlers;

/// <summary>POST to a collection (contract 4.3).</summary>
internal sealed class CreateHandler(IOptions<ApiMachineryOptions> options, TimeProvider time)
{
    public async Task HandleAsync(HttpContext context, RequestInfo info, ServedResource resource)
    {
        Negotiated negotiated = Negotiated.For(context);
        List<string> duplicates = [];
        WriteOptions write = WriteQuery.Parse(context, "CreateOptions", UserFeature.Of(context), duplicates);
        JsonObject obj = BodyDecoder.Decode(
            await RequestBody.ReadAsync(context, options.Value.MaximumRequestBytes), context.Request.ContentType, resource.Definition, duplicates);
        try
        {
            ResourceObject created = await resource.Store.CreateAsync(info.Namespace, obj, write, context.RequestAborted);
            WarningHeaders.Add(context, write.Warnings);
            await ObjectWriter.WriteAsync(context, negotiated, 201, resource.Definition, created, time.GetUtcNow());
        }
        catch (Errors.ApiException)
        {
            WarningHeaders.Add(context, write.Warnings);
            throw;
        }
    }
}
