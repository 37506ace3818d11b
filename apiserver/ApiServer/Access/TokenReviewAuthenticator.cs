using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Http;
using AiModels.Hosting.Kubernetes;

namespace AiModels.ApiServer.Access;

/// <summary>Asks the host cluster whose bearer token this is (authentication.k8s.io TokenReview; contract A13).</summary>
internal sealed class TokenReviewAuthenticator(IKubernetesClient cluster, TimeProvider time) : IRequestAuthenticator
{
    // Upstream's default: a token that was revoked is refused after ten seconds.
    private static readonly TimeSpan Life = TimeSpan.FromSeconds(10);

    // Upstream's: 500 ms, half as much more each time, five times, all within ten seconds (contract A13).
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10), FirstPause = TimeSpan.FromMilliseconds(500);
    private const int Attempts = 5;

    // By hash: the memory of this process is no place for other people's tokens.
    private readonly ReviewCache<string, AuthenticationResult> _cache = new(time);

    public async ValueTask<AuthenticationResult> AuthenticateAsync(HttpContext context, CancellationToken cancellationToken)
    {
        // An upload session's token is none of the cluster's; it must not be sent there.
        if (BearerOf(context) is not { } token || token.StartsWith(Uploads.UploadTokens.Prefix, StringComparison.Ordinal))
        {
            return AuthenticationResult.NoOpinion;
        }

        string key = Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(token)));
        if (_cache.TryGet(key, out AuthenticationResult known))
        {
            return known;
        }

        (AuthenticationResult result, bool isAnswer) = await AskAsync(token, cancellationToken);
        if (isAnswer)
        {
            _cache.Set(key, result, Life);
        }

        return result;
    }

    // Whether the host answered at all: not having been able to ask is no verdict to remember.
    private async Task<(AuthenticationResult Result, bool IsAnswer)> AskAsync(string token, CancellationToken cancellationToken)
    {
        var review = new JsonObject
        {
            ["apiVersion"] = "authentication.k8s.io/v1",
            ["kind"] = "TokenReview",
            ["spec"] = new JsonObject { ["token"] = token },
        };
        using var deadline = new CancellationTokenSource(Patience, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, deadline.Token);
        TimeSpan pause = FirstPause;
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                JsonObject answer = await cluster.RawAsync(HttpMethod.Post, "/apis/authentication.k8s.io/v1/tokenreviews", review, either.Token);
                JsonNode? status = answer["status"];
                return ((bool?)status?["authenticated"] == true && status["user"] is JsonObject user
                    ? AuthenticationResult.Success(UserOf(user))
                    : AuthenticationResult.Fail((string?)status?["error"] ?? "the host cluster does not know the token"), true);
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                return (AuthenticationResult.Fail($"the host cluster did not answer about the token within {Patience.TotalSeconds:0} s"), false);
            }
            catch (Exception cause) when (cause is KubernetesApiException or HttpRequestException)
            {
                if (attempt == Attempts || cause is KubernetesApiException { StatusCode: < 500 and not 429 })
                {
                    return (AuthenticationResult.Fail($"the host cluster could not be asked about the token: {cause.Message}"), false);
                }
            }

            await Task.Delay(pause, time, either.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            pause *= 1.5;
        }
    }

    private static UserInfo UserOf(JsonObject user) => new()
    {
        Name = (string?)user["username"] ?? "",
        Uid = (string?)user["uid"] ?? "",
        Groups = Strings(user["groups"]),
        Extra = (user["extra"] as JsonObject)?.ToDictionary(pair => pair.Key.ToLowerInvariant(), pair => Strings(pair.Value)) ?? [],
    };

    private static IReadOnlyList<string> Strings(JsonNode? list) => list is JsonArray items ? [.. items.Select(item => item!.ToString())] : [];

    private static string? BearerOf(HttpContext context) =>
        (string?)context.Request.Headers.Authorization is { } header && header.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase) ? header[7..].Trim() : null;
}
