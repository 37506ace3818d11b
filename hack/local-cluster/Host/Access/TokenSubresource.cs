using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Resources;
using AiModels.ApiMachinery.Schemas;

namespace AiModels.LocalCluster.Host.Access;

/// <summary>serviceaccounts/token: kubectl create token.</summary>
internal sealed class TokenSubresource(ServiceAccountTokens tokens) : ISubresource
{
    private const long DefaultSeconds = 3600;

    public string Name => "token";
    public string Kind => "TokenRequest";
    public Schema Schema { get; } = Schema.Anything("TokenRequest requests a token for a given service account.");
    public IReadOnlyList<string> Verbs { get; } = ["create"];
    public IReadOnlyList<string> LongRunningVerbs { get; } = [];

    public async Task HandleAsync(SubresourceRequest request, CancellationToken cancellationToken)
    {
        JsonNode? body = await JsonNode.ParseAsync(request.Http.Request.Body, cancellationToken: cancellationToken);
        IEnumerable<string> audiences = (body.At("spec.audiences") as JsonArray ?? []).Select(a => (string?)a ?? "");
        long seconds = (long?)body.At("spec.expirationSeconds") ?? DefaultSeconds;
        (string token, DateTimeOffset expires) = tokens.Issue(request.Namespace, request.Name, request.Parent.Uid(), audiences, TimeSpan.FromSeconds(seconds));
        request.Http.Response.StatusCode = 201;
        await request.Http.Response.WriteAsJsonAsync(
            new JsonObject
            {
                ["kind"] = "TokenRequest",
                ["apiVersion"] = "authentication.k8s.io/v1",
                ["metadata"] = new JsonObject { ["name"] = request.Name, ["namespace"] = request.Namespace },
                ["spec"] = new JsonObject { ["audiences"] = new JsonArray([.. audiences.Select(a => JsonValue.Create(a))]), ["expirationSeconds"] = seconds },
                ["status"] = new JsonObject { ["token"] = token, ["expirationTimestamp"] = Documents.Timestamp(expires) },
            },
            cancellationToken);
    }
}
