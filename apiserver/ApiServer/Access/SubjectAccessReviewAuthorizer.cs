using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Http;
using AiModels.ApiMachinery.Selectors;
using AiModels.Hosting.Kubernetes;

namespace AiModels.ApiServer.Access;

/// <summary>Asks the host cluster what a user may do (authorization.k8s.io SubjectAccessReview; contract A16-A18).</summary>
internal sealed class SubjectAccessReviewAuthorizer(IKubernetesClient cluster, TimeProvider time) : IAuthorizer
{
    // Upstream's defaults for aggregated servers: a right that was taken away is gone after ten seconds.
    private static readonly TimeSpan Life = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    // Longer questions are asked each time: they would fill the cache (contract A17).
    private const int LongestKey = 10_000;

    private readonly ReviewCache<string, AuthorizationDecision> _cache = new(time);
    private readonly MastersAuthorizer _discovery = new();

    public async ValueTask<AuthorizationDecision> AuthorizeAsync(AuthorizationAttributes attributes, CancellationToken cancellationToken)
    {
        // What system:discovery grants to everybody with a name must not depend on the host's answer: an outage there would make all of the cluster's
        // discovery partial (contract D6, D9).
        if ((await _discovery.AuthorizeAsync(attributes, cancellationToken)).IsAllowed)
        {
            return AuthorizationDecision.Allow;
        }

        JsonObject spec = Spec(attributes);
        string key = spec.ToJsonString();
        if (_cache.TryGet(key, out AuthorizationDecision known))
        {
            return known;
        }

        AuthorizationDecision decision = await AskAsync(spec, cancellationToken);
        if (key.Length <= LongestKey)
        {
            _cache.Set(key, decision, Life);
        }

        return decision;
    }

    private async Task<AuthorizationDecision> AskAsync(JsonObject spec, CancellationToken cancellationToken)
    {
        var review = new JsonObject { ["apiVersion"] = "authorization.k8s.io/v1", ["kind"] = "SubjectAccessReview", ["spec"] = spec };
        // Nobody is let in because nobody could be asked: the machinery answers 500 (contract A19).
        using var deadline = new CancellationTokenSource(Patience, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, deadline.Token);
        try
        {
            JsonObject answer = await cluster.RawAsync(HttpMethod.Post, "/apis/authorization.k8s.io/v1/subjectaccessreviews", review, either.Token);
            return new AuthorizationDecision((bool?)answer["status"]?["allowed"] ?? false, (string?)answer["status"]?["reason"] ?? "");
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException($"the host cluster did not answer a SubjectAccessReview within {Patience.TotalSeconds:0} s");
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

        Add(resource, "fieldSelector", attributes.FieldSelector, text => FieldSelector.Parse(text).Requirements);
        Add(resource, "labelSelector", attributes.LabelSelector, text => LabelSelector.Parse(text).Requirements);
        return resource;
    }

    // A selector that does not parse is left out: the handler will refuse it (contract A18).
    private static void Add(JsonObject resource, string name, string text, Func<string, IReadOnlyList<SelectorRequirement>> parse)
    {
        JsonArray requirements;
        try
        {
            requirements = [.. parse(text).Select(requirement => requirement.ToReviewRequirement()).OfType<JsonNode>()];
        }
        catch (SelectorFormatException)
        {
            return;
        }

        if (requirements.Count > 0)
        {
            resource[name] = new JsonObject { ["requirements"] = requirements };
        }
    }

    private static JsonArray List(IReadOnlyList<string> values) => [.. values.Select(value => (JsonNode)value)];
}
