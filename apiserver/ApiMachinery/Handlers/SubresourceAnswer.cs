using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Negotiation;
using AiModels.ApiMachinery.Resources;

namespace AiModels.ApiMachinery.Handlers;

/// <summary>Writes what a subresource answers in the form the client takes: JSON, YAML, or the Table that kubectl get prints.</summary>
public static class SubresourceAnswer
{
    public static Task WriteAsync(SubresourceRequest request, ISubresource subresource, int code, JsonObject answer, DateTimeOffset now)
    {
        Negotiated negotiated = Negotiated.For(request.Http, transforms: subresource.Columns.Count > 0);
        return ObjectWriter.WriteAsync(request.Http, negotiated, code, negotiated.Transform == Transform.Table
            ? TableOf(request.Resource, subresource, answer, negotiated, now)
            : ObjectWriter.Shape(negotiated, request.Resource, answer, now));
    }

    private static JsonObject TableOf(ResourceDefinition parent, ISubresource subresource, JsonObject answer, Negotiated negotiated, DateTimeOffset now)
    {
        ResourceDefinition shown = parent with { HasNameColumn = false, Columns = subresource.Columns };
        return TableWriter.Write(shown, [], subresource.RowsOf(answer), negotiated, now);
    }
}
