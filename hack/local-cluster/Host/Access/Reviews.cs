using System.Text.Json;
using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Errors;
using AiModels.ApiMachinery.Http;

namespace AiModels.LocalCluster.Host.Access;

/// <summary>Questions about users: what extension servers ask the host (SubjectAccessReview, TokenReview), and kubectl auth can-i and whoami.</summary>
internal static class Reviews
{
    public static void MapReviews(this WebApplication app)
    {
        app.MapPost("/apis/authorization.k8s.io/v1/subjectaccessreviews", (HttpContext http, IAuthorizer authorizer) => AccessAsync(http, authorizer, isSelf: false));
        app.MapPost("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", (HttpContext http, IAuthorizer authorizer) => AccessAsync(http, authorizer, isSelf: true));
        app.MapPost("/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", RulesAsync);
        app.MapPost("/apis/authentication.k8s.io/v1/tokenreviews", TokenAsync);
        app.MapPost("/apis/authentication.k8s.io/v1/selfsubjectreviews", SelfAsync);
    }

    private static async Task AccessAsync(HttpContext http, IAuthorizer authorizer, bool isSelf)
    {
        JsonObject review = await ReadAsync(http);
        JsonNode? spec = review["spec"];
        UserInfo user = isSelf ? UserFeature.Of(http) : UserOf(spec);
        string Field(JsonNode? node, string name) => (string?)node?[name] ?? "";
        JsonNode? resource = spec?["resourceAttributes"], path = spec?["nonResourceAttributes"];
        AuthorizationDecision decision = await authorizer.AuthorizeAsync(new AuthorizationAttributes
        {
            User = user,
            IsResource = resource != null,
            Verb = Field(resource ?? path, "verb"),
            Path = Field(path, "path"),
            Group = Field(resource, "group"),
            Version = Field(resource, "version"),
            Resource = Field(resource, "resource"),
            Subresource = Field(resource, "subresource"),
            Namespace = Field(resource, "namespace"),
            Name = Field(resource, "name"),
        }, http.RequestAborted);
        review["status"] = new JsonObject { ["allowed"] = decision.IsAllowed, ["reason"] = decision.Reason };
        await WriteAsync(http, review);
    }

    private static async Task RulesAsync(HttpContext http)
    {
        JsonObject review = await ReadAsync(http);
        UserInfo user = UserFeature.Of(http);
        JsonArray resources = [], paths = [];
        RbacAuthorizer rbac = (RbacAuthorizer)http.RequestServices.GetRequiredService<IAuthorizer>();
        foreach (JsonObject rule in await rbac.RulesOfAsync(user, (string?)review.At("spec.namespace") ?? "", http.RequestAborted))
            (rule["nonResourceURLs"] == null ? resources : paths).Add(rule);
        if (user.IsInGroup(UserInfo.MastersGroup))
        {
            resources.Add(new JsonObject { ["verbs"] = new JsonArray("*"), ["apiGroups"] = new JsonArray("*"), ["resources"] = new JsonArray("*") });
            paths.Add(new JsonObject { ["verbs"] = new JsonArray("*"), ["nonResourceURLs"] = new JsonArray("*") });
        }

        review["status"] = new JsonObject { ["resourceRules"] = resources, ["nonResourceRules"] = paths, ["incomplete"] = false };
        await WriteAsync(http, review);
    }

    private static UserInfo UserOf(JsonNode? spec)
    {
        string name = (string?)spec?["user"] ?? "";
        HashSet<string> groups = [.. (spec?["groups"] as JsonArray ?? []).Select(g => (string?)g ?? "")];
        // A service account's groups follow from its name; the aggregation layer here passes on one group only.
        if (name.Split(':') is ["system", "serviceaccount", var ns, _]) groups.UnionWith(["system:serviceaccounts", "system:serviceaccounts:" + ns]);
        return new UserInfo { Name = name, Groups = [.. groups] };
    }

    private static async Task TokenAsync(HttpContext http)
    {
        JsonObject review = await ReadAsync(http);
        ServiceAccountAuthenticator tokens = http.RequestServices.GetRequiredService<ServiceAccountAuthenticator>();
        string[] wanted = [.. (review.At("spec.audiences") as JsonArray ?? []).Select(a => (string?)a ?? "")];
        (AuthenticationResult result, string[] audiences) = await tokens.ReviewAsync((string?)review.At("spec.token") ?? "", wanted, http.RequestAborted);
        review["status"] = result.User is { } user
            ? new JsonObject { ["authenticated"] = true, ["user"] = Describe(user.Authenticated()), ["audiences"] = new JsonArray([.. audiences.Select(a => JsonValue.Create(a))]) }
            : new JsonObject { ["authenticated"] = false, ["error"] = result.Failure ?? "unknown token" };
        await WriteAsync(http, review);
    }

    private static async Task SelfAsync(HttpContext http)
    {
        JsonObject review = await ReadAsync(http);
        review["status"] = new JsonObject { ["userInfo"] = Describe(UserFeature.Of(http)) };
        await WriteAsync(http, review);
    }

    private static JsonObject Describe(UserInfo user)
    {
        var info = new JsonObject { ["username"] = user.Name, ["groups"] = new JsonArray([.. user.Groups.Select(g => JsonValue.Create(g))]) };
        if (user.Uid.Length > 0) info["uid"] = user.Uid;
        return info;
    }

    private static async Task<JsonObject> ReadAsync(HttpContext http)
    {
        try
        {
            return (JsonObject)(await JsonNode.ParseAsync(http.Request.Body, cancellationToken: http.RequestAborted))!;
        }
        catch (Exception e) when (e is JsonException or InvalidCastException)
        {
            throw ApiError.BadRequest("the body is not a review in JSON");
        }
    }

    private static Task WriteAsync(HttpContext http, JsonObject review)
    {
        http.Response.StatusCode = 201;
        return http.Response.WriteAsJsonAsync(review, http.RequestAborted);
    }
}
