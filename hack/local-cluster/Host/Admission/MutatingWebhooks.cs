using System.Collections.Concurrent;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Errors;
using AiModels.ApiMachinery.Http;
using AiModels.ApiMachinery.Patching;
using AiModels.ApiMachinery.Resources;
using AiModels.ApiMachinery.Selectors;
using AiModels.ApiMachinery.Storage;

namespace AiModels.LocalCluster.Host.Admission;

/// <summary>
/// Calls the webhooks of MutatingWebhookConfigurations and applies their JSON patches
/// (https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/). Webhooks are reached by clientConfig.url; there are no Services here.
/// </summary>
internal sealed class MutatingWebhooks(IObjectStore store, TimeProvider time, ILogger<MutatingWebhooks> logger) : IAdmission, IDisposable
{
    private const string Group = "admissionregistration.k8s.io";
    private static readonly TimeSpan DefaultTimeout = TimeSpan.FromSeconds(10);
    private readonly ConcurrentDictionary<string, HttpMessageInvoker> _clients = new();

    public async ValueTask MutateAsync(AdmissionRequest request, CancellationToken cancellationToken)
    {
        // As upstream: the configurations themselves are never sent to webhooks, so that a broken one can be mended.
        if (request.Resource.Group == Group) return;
        StoredList configurations = await store.ListAsync(new ListRequest { Prefix = ObjectKey.PrefixOf(Group, "mutatingwebhookconfigurations") }, cancellationToken);
        foreach (StoredObject configuration in configurations.Objects)
        {
            foreach (JsonObject webhook in JsonNode.Parse(configuration.Value.Span).Items("webhooks"))
                if (await ConcernsAsync(webhook, request, cancellationToken)) await CallAsync(webhook, request, cancellationToken);
        }
    }

    public void Dispose()
    {
        foreach (HttpMessageInvoker client in _clients.Values) client.Dispose();
    }

    private async ValueTask<bool> ConcernsAsync(JsonObject webhook, AdmissionRequest request, CancellationToken cancellationToken)
    {
        string resource = request.Subresource.Length == 0 ? request.Resource.Plural : $"{request.Resource.Plural}/{request.Subresource}";
        bool ruled = webhook.Items("rules").Any(r =>
            Has(r["operations"], request.Operation) && Has(r["apiGroups"], request.Resource.Group) && Has(r["apiVersions"], request.Resource.Version)
            && (Has(r["resources"], resource) || Texts(r["resources"]).Contains("*/*")));
        if (!ruled) return false;
        if (webhook["objectSelector"] is JsonObject { Count: > 0 } objects
            && !new[] { request.Object, request.OldObject }.Any(o => o != null && LabelSelector.FromDocument(objects).Matches(o))) return false;
        if (webhook["namespaceSelector"] is not JsonObject { Count: > 0 } namespaces || request.Namespace.Length == 0) return true;
        StoredObject? ns = await store.GetAsync(new ObjectKey("", "namespaces", "", request.Namespace), cancellationToken);
        return ns == null || LabelSelector.FromDocument(namespaces).Matches(JsonNode.Parse(ns.Value.Span)!.AsObject());
    }

    private async Task CallAsync(JsonObject webhook, AdmissionRequest request, CancellationToken cancellationToken)
    {
        string name = (string?)webhook["name"] ?? "";
        try
        {
            JsonObject response = await AskAsync(webhook, Review(request), cancellationToken);
            foreach (JsonNode? warning in response["warnings"] as JsonArray ?? []) request.Warnings.Add((string?)warning ?? "");
            if ((bool?)response["allowed"] != true)
                throw ApiError.Make((int?)response.At("status.code") ?? 403, (string?)response.At("status.reason") ?? "Forbidden", $"admission webhook \"{name}\" denied the request: {(string?)response.At("status.message") ?? "no reason given"}");
            if ((string?)response["patch"] is { } patch && request.Object != null)
                request.Object = JsonPatch.Apply(request.Object, JsonNode.Parse(Convert.FromBase64String(patch)));
        }
        catch (Exception e) when (e is HttpRequestException or System.Text.Json.JsonException or FormatException or PatchException
            || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            string why = e is OperationCanceledException ? "context deadline exceeded" : e.Message;
            // matchConditions are CEL, which the stand-in does not evaluate: it asks more often than a real cluster would, so that it may not refuse for it.
            bool isIgnored = (string?)webhook["failurePolicy"] == "Ignore" || webhook["matchConditions"] is JsonArray { Count: > 0 };
            if (!isIgnored) throw ApiError.Internal($"failed calling webhook \"{name}\": {why}");
            request.Warnings.Add($"failed calling webhook \"{name}\": {why}");
            logger.LogWarning("Webhook {Webhook} failed and is passed over: {Reason}", name, why);
        }
    }

    private async Task<JsonObject> AskAsync(JsonObject webhook, JsonObject review, CancellationToken cancellationToken)
    {
        string url = (string?)webhook.At("clientConfig.url") ?? throw new HttpRequestException("clientConfig has no url; the stand-in host cannot reach Services");
        HttpMessageInvoker client = _clients.GetOrAdd((string?)webhook.At("clientConfig.caBundle") ?? "", CreateClient);
        using var deadline = new CancellationTokenSource(webhook.Int("timeoutSeconds") is > 0 and var seconds ? TimeSpan.FromSeconds(seconds) : DefaultTimeout, time);
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, deadline.Token);
        using var request = new HttpRequestMessage(HttpMethod.Post, url) { Content = new StringContent(review.ToJsonString(), Encoding.UTF8, "application/json") };
        using HttpResponseMessage answer = await client.SendAsync(request, linked.Token);
        if (!answer.IsSuccessStatusCode) throw new HttpRequestException($"{url} answered {(int)answer.StatusCode}");
        await using Stream stream = await answer.Content.ReadAsStreamAsync(linked.Token);
        return (await JsonNode.ParseAsync(stream, cancellationToken: linked.Token))?["response"] as JsonObject ?? throw new FormatException($"{url} answered without a response");
    }

    private static JsonObject Review(AdmissionRequest request)
    {
        JsonObject Kind() => new() { ["group"] = request.Resource.Group, ["version"] = request.Resource.Version, ["kind"] = request.Resource.Kind };
        JsonObject Resource() => new() { ["group"] = request.Resource.Group, ["version"] = request.Resource.Version, ["resource"] = request.Resource.Plural };
        var body = new JsonObject
        {
            ["uid"] = Guid.NewGuid().ToString(),
            ["kind"] = Kind(),
            ["resource"] = Resource(),
            ["requestKind"] = Kind(),
            ["requestResource"] = Resource(),
            ["name"] = request.Name,
            ["namespace"] = request.Namespace,
            ["operation"] = request.Operation,
            ["userInfo"] = Describe(request.User),
            ["object"] = request.Object?.DeepClone(),
            ["oldObject"] = request.OldObject?.DeepClone(),
            ["dryRun"] = request.IsDryRun,
        };
        if (request.Subresource.Length > 0) body["subResource"] = request.Subresource;
        return new JsonObject { ["apiVersion"] = "admission.k8s.io/v1", ["kind"] = "AdmissionReview", ["request"] = body };
    }

    private static JsonObject Describe(UserInfo user) => new() { ["username"] = user.Name, ["groups"] = new JsonArray([.. user.Groups.Select(g => JsonValue.Create(g))]) };

    private static HttpMessageInvoker CreateClient(string caBundle)
    {
        var handler = new SocketsHttpHandler { UseProxy = false };
        if (caBundle.Length > 0)
        {
            handler.SslOptions.CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            handler.SslOptions.CertificateChainPolicy.CustomTrustStore.ImportFromPem(Encoding.ASCII.GetString(Convert.FromBase64String(caBundle)));
        }

        return new HttpMessageInvoker(handler);
    }

    private static bool Has(JsonNode? list, string value) => Texts(list).Any(t => t == value || t == "*");

    private static IEnumerable<string> Texts(JsonNode? list) => (list as JsonArray ?? []).Select(t => (string?)t ?? "");
}
