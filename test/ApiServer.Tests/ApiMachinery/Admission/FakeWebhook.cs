using System.Collections.Concurrent;
using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using AiModels.Hosting;
using AiModels.Hosting.Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;

namespace AiModels.ApiServer.Tests.ApiMachinery.Admission;

/// <summary>An admission webhook over TLS that answers as a test says and remembers what it was asked.</summary>
internal sealed class FakeWebhook : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly CertificateAuthority _authority;

    private FakeWebhook(WebApplication app, CertificateAuthority authority) => (_app, _authority) = (app, authority);

    public ConcurrentQueue<JsonObject> Asked { get; } = new();

    public string Query { get; private set; } = "";

    /// <summary>Makes the response of a request; uid and allowed are filled in when they are absent.</summary>
    public Func<JsonObject, JsonObject> Respond { get; set; } = _ => [];

    /// <summary>Takes the place of the whole answer when set.</summary>
    public Func<HttpContext, Task>? Raw { get; set; }

    public static async Task<FakeWebhook> StartAsync()
    {
        CertificateAuthority authority = CertificateAuthority.Create("webhooks", TimeProvider.System);
        ServingCertificate certificate = ServingCertificate.Of(
            authority.Issue(new CertificateRequestOptions("localhost") { Hosts = ["127.0.0.1"], ForServer = true }), TimeProvider.System);
        WebApplicationBuilder builder = ComponentHosting.CreateBuilder("webhook");
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen => listen.UseServingCertificate(certificate)));
        WebApplication app = builder.Build();
        var webhook = new FakeWebhook(app, authority);
        app.Run(webhook.AnswerAsync);
        await app.StartAsync();
        return webhook;
    }

    /// <summary>A configuration with one webhook, for everything; further fields as JSON.</summary>
    public JsonObject Configuration(string name, string fields = "{}", string operations = "*", string resources = "widgets")
    {
        JsonObject webhook = JsonNode.Parse(fields)!.AsObject();
        webhook["name"] ??= name + ".example.com";
        webhook["admissionReviewVersions"] ??= new JsonArray("v1");
        webhook["sideEffects"] ??= "None";
        webhook["clientConfig"] ??= new JsonObject
        {
            ["url"] = _app.Urls.Single() + "/" + name,
            ["caBundle"] = Convert.ToBase64String(Encoding.ASCII.GetBytes(_authority.Certificate.ExportCertificatePem())),
        };
        webhook["rules"] ??= new JsonArray(new JsonObject
        {
            ["apiGroups"] = new JsonArray("example.com"),
            ["apiVersions"] = new JsonArray("*"),
            ["operations"] = new JsonArray(operations),
            ["resources"] = new JsonArray(resources),
        });
        return new JsonObject { ["metadata"] = new JsonObject { ["name"] = name }, ["webhooks"] = new JsonArray(webhook) };
    }

    public static string Patch(string json) => Convert.ToBase64String(Encoding.UTF8.GetBytes(json));

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        _authority.Dispose();
    }

    private async Task AnswerAsync(HttpContext http)
    {
        JsonObject review = (await JsonNode.ParseAsync(http.Request.Body))!.AsObject();
        JsonObject request = review["request"]!.AsObject();
        request["path"] = http.Request.Path.Value!.Trim('/');
        Query = http.Request.QueryString.Value ?? "";
        Asked.Enqueue(request.DeepClone().AsObject());
        if (Raw is { } raw)
        {
            await raw(http);
            return;
        }

        JsonObject response = Respond(request);
        response["uid"] ??= (string?)request["uid"];
        response["allowed"] ??= true;
        await http.Response.WriteAsJsonAsync(new JsonObject { ["apiVersion"] = (string?)review["apiVersion"], ["kind"] = "AdmissionReview", ["response"] = response });
    }
}
