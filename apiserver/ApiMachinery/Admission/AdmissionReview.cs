using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Http;
using AiModels.ApiMachinery.Resources;

namespace AiModels.ApiMachinery.Admission;

/// <summary>What is sent to a webhook (admission.k8s.io AdmissionReview, contract AD3).</summary>
internal static class AdmissionReview
{
    public const string Group = "admission.k8s.io";

    public static JsonObject For(AdmissionRequest request, string uid, string version) => new()
    {
        ["kind"] = "AdmissionReview",
        ["apiVersion"] = $"{Group}/{version}",
        ["request"] = Describe(request, uid),
    };

    /// <summary>The request alone.</summary>
    public static JsonObject Describe(AdmissionRequest request, string uid)
    {
        var body = new JsonObject
        {
            ["uid"] = uid,
            ["kind"] = Kind(request.Resource),
            ["resource"] = Resource(request.Resource),
            ["requestKind"] = Kind(request.Resource),
            ["requestResource"] = Resource(request.Resource),
            ["name"] = request.Name,
            ["operation"] = request.Operation,
            ["userInfo"] = User(request.User),
            ["object"] = request.Object?.DeepClone(),
            ["oldObject"] = request.OldObject?.DeepClone(),
            ["dryRun"] = request.IsDryRun,
            ["options"] = request.Options?.DeepClone(),
        };
        if (request.Namespace.Length > 0)
        {
            body["namespace"] = request.Namespace;
        }

        if (request.Subresource.Length > 0)
        {
            body["subResource"] = request.Subresource;
            body["requestSubResource"] = request.Subresource;
        }

        return body;
    }

    private static JsonObject Kind(ResourceDefinition resource) => new() { ["group"] = resource.Group, ["version"] = resource.Version, ["kind"] = resource.Kind };

    private static JsonObject Resource(ResourceDefinition resource) => new() { ["group"] = resource.Group, ["version"] = resource.Version, ["resource"] = resource.Plural };

    private static JsonObject User(UserInfo user)
    {
        var described = new JsonObject { ["username"] = user.Name, ["groups"] = List(user.Groups) };
        if (user.Uid.Length > 0)
        {
            described["uid"] = user.Uid;
        }

        if (user.Extra.Count > 0)
        {
            described["extra"] = new JsonObject(user.Extra.Select(pair => KeyValuePair.Create(pair.Key, (JsonNode?)List(pair.Value))));
        }

        return described;
    }

    private static JsonArray List(IEnumerable<string> values) => [.. values.Select(value => (JsonNode)value)];
}
