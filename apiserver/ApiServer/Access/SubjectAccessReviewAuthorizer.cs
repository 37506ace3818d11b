using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Errors;
using AiModels.ApiMachinery.Http;
using AiModels.Hosting.Kubernetes;

namespace AiModels.ApiServer.Access;

/// <summary>Asks the host cluster what a user may do (authorization.k8s.io SubjectAccessReview; contract A16-A18).</summary>
internal sealed class SubjectAccessReviewAuthorizer(IKubernetesClient cluster, TimeProvider time) : IAuthorizer
{
    // Upstream's defaults for aggregated servers: a right that was taken away is gone after ten seconds.
    private static readonly TimeSpan Life = TimeSpan.FromSeconds(10);

    private readonly ReviewCache<string, AuthorizationDecision> _cache = new(time);

    public async ValueTask<AuthorizationDecision> AuthorizeAsync(AuthorizationAttributes attributes, CancellationToken cancellationToken)
    {
        JsonObject spec = Spec(attributes);
        string key = spec.ToJsonString();
        if (_cache.TryGet(key, out AuthorizationDecision known))
        {
            return known;
        }

        AuthorizationDecision decision = await AskAsync(spec, cancellationToken);
        _cache.Set(key, decision, Life);
        return decision;
    }

    private async Task<AuthorizationDecision> AskAsync(JsonObject spec, CancellationToken cancellationToken)
    {
        var review = new JsonObject { ["apiVersion"] = "authorization.k8s.io/v1", ["kind"] = "SubjectAccessReview", ["spec"] = spec };
        try
        {
            JsonObject answer = await cluster.RawAsync(HttpMethod.Post, "/apis/authorization.k8s.io/v1/subjectaccessreviews", review, cancellationToken);
            return new AuthorizationDecision((bool?)answer["status"]?["allowed"] ?? false, (string?)answer["status"]?["reason"] ?? "");
        }
        catch (Exception cause) when (cause is KubernetesApiException or HttpRequestException)
        {
            // Nobody is let in because nobody could be asked.
            throw ApiError.Internal($"the host cluster could not be asked for authorization: {cause.Message}");
        }
    }

    private static JsonObject Spec(AuthorizationAttributes attributes)
    {
        UserInfo user = attributes.User;
        var spec = new JsonObject { ["user"] = user.Name, ["groups"] = List(user.Groups) };
        if (user.Uid.Length > 0)
        {
            spec["uid"] = user.Uid;
        }

        if (user.Extra.Count > 0)
        {
            spec["extra"] = new JsonObject(user.Extra.OrderBy(pair => pair.Key, StringComparer.Ordinal)
                .Select(pair => KeyValuePair.Create(pair.Key, (JsonNode?)List(pair.Value))));
        }

        if (attributes.IsResource)
        {
            spec["resourceAttributes"] = ResourceAttributes(attributes);
        }
        else
        {
            spec["nonResourceAttributes"] = new JsonObject { ["path"] = attributes.Path, ["verb"] = attributes.Verb };
        }

        return spec;
    }

    private static JsonObject ResourceAttributes(AuthorizationAttributes attributes)
    {
        var resource = new JsonObject();
        foreach ((string name, string value) in (ReadOnlySpan<(string, string)>)
        [
            ("namespace", attributes.Namespace), ("verb", attributes.Verb), ("group", attributes.Group), ("version", attributes.Version),
            ("resource", attributes.Resource), ("subresource", attributes.Subresource), ("name", attributes.Name),
        ])
        {
            if (value.Length > 0)
            {
                resource[name] = value;
            }
        }

        return resource;
    }

    private static JsonArray List(IReadOnlyList<string> values) => [.. values.Select(value => (JsonNode)value)];
}
