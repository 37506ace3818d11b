using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Errors;
using AiModels.ApiMachinery.Handlers;
using AiModels.ApiMachinery.Http;
using AiModels.ApiMachinery.Negotiation;
using AiModels.ApiMachinery.Schemas;
using AiModels.ApiMachinery.Validation;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace AiModels.ApiMachinery.Resources;

/// <summary>
/// /scale of a workload: autoscaling/v1 Scale over spec.replicas, status.replicas and spec.selector, which is what kubectl scale and autoscalers read and
/// write (contract U11). Its resourceVersion is the workload's.
/// </summary>
public sealed class ScaleSubresource : ISubresource
{
    public string Name => "scale";
    public string Kind => "Scale";
    public string? KindApiVersion => "autoscaling/v1";
    public Schema Schema { get; } = Schema.Anything("Scale represents a scaling request for a resource.");
    public IReadOnlyList<string> Verbs { get; } = ["get", "patch", "update"];
    public IReadOnlyList<string> LongRunningVerbs { get; } = [];

    public async Task HandleAsync(SubresourceRequest request, CancellationToken cancellationToken)
    {
        Negotiated negotiated = Negotiated.For(request.Http, transforms: false);
        JsonObject workload = request.Parent;
        if (request.Verb != "get")
        {
            List<string> duplicates = [];
            WriteOptions options = WriteQuery.Parse(
                request.Http, request.Verb == "patch" ? "PatchOptions" : "UpdateOptions", UserFeature.Of(request.Http), duplicates);
            int limit = request.Http.RequestServices.GetRequiredService<IOptions<ApiMachineryOptions>>().Value.MaximumRequestBytes;
            ReadOnlyMemory<byte> body = await RequestBody.ReadAsync(request.Http, limit);
            ResourceStore store = request.Http.RequestServices.GetRequiredService<ResourceRegistry>().StoreOf(request.Resource.Group, request.Resource.Plural);
            ResourceObject scaled = await store.UpdateAsync(
                request.Namespace, request.Name, live => Scaled(live, Wanted(request, live, body, duplicates)), options, cancellationToken);
            workload = scaled.ToJson();
        }

        await ObjectWriter.WriteAsync(request.Http, negotiated, 200, Of(workload));
    }

    /// <summary>The Scale that the client wants of the workload as it is now.</summary>
    private static JsonObject Wanted(SubresourceRequest request, JsonObject live, ReadOnlyMemory<byte> body, List<string> duplicates)
    {
        string? type = request.Http.Request.ContentType;
        JsonObject wanted = request.Verb == "patch"
            ? PatchHandler.Patch(request.Resource, Of(live), BodyDecoder.Patch(body, duplicates), MediaTypes.Bare(type))
            : BodyDecoder.Options(body, type, duplicates) ?? [];
        string version = wanted["metadata"] is JsonObject metadata ? ObjectMetadata.Text(metadata, "resourceVersion") : "";
        return version.Length == 0 || version == (string?)live["metadata"]!["resourceVersion"]
            ? wanted
            : throw ApiError.Modified(request.Resource, request.Name);
    }

    private static JsonObject Scaled(JsonObject live, JsonObject wanted)
    {
        long replicas = 0;
        if ((wanted["spec"] as JsonObject)?["replicas"] is { } node && !(node is JsonValue value && value.TryGetInteger(out replicas)))
        {
            throw ApiError.BadRequest("json: cannot unmarshal into Go struct field ScaleSpec.spec.replicas of type int32");
        }

        if (replicas is < 0 or > int.MaxValue)
        {
            throw ApiError.Invalid("Scale.autoscaling", "autoscaling", "Scale", (string)live["metadata"]!["name"]!,
                [FieldError.InvalidRaw("spec.replicas", replicas.ToString(), "must be greater than or equal to 0")]);
        }

        (live["spec"] as JsonObject ?? throw ApiError.BadRequest("the workload has no spec"))["replicas"] = replicas;
        return live;
    }

    private static JsonObject Of(JsonObject workload)
    {
        var metadata = new JsonObject();
        foreach (string field in (ReadOnlySpan<string>)["name", "namespace", "uid", "resourceVersion", "creationTimestamp"])
        {
            if (workload["metadata"]![field] is { } value)
            {
                metadata[field] = value.DeepClone();
            }
        }

        var status = new JsonObject { ["replicas"] = workload["status"]?["replicas"]?.DeepClone() ?? 0L };
        if (workload["spec"]?["selector"]?["matchLabels"] is JsonObject labels)
        {
            status["selector"] = string.Join(',', labels.OrderBy(label => label.Key, StringComparer.Ordinal).Select(label => $"{label.Key}={label.Value}"));
        }

        return new JsonObject
        {
            ["kind"] = "Scale",
            ["apiVersion"] = "autoscaling/v1",
            ["metadata"] = metadata,
            ["spec"] = new JsonObject { ["replicas"] = workload["spec"]?["replicas"]?.DeepClone() ?? 0L },
            ["status"] = status,
        };
    }
}
