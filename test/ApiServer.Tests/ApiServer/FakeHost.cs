using System.Collections.Concurrent;
using System.Net;
using System.Text.Json.Nodes;
using AiModels.ApiMachinery;
using AiModels.ApiMachinery.Http;
using AiModels.ApiMachinery.Resources;
using AiModels.ApiMachinery.Schemas;
using AiModels.ApiMachinery.Storage.Sqlite;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace AiModels.ApiServer.Tests.ApiServer;

/// <summary>A host cluster in small: ConfigMaps, Namespaces and webhook configurations with list and watch, SubjectAccessReviews and TokenReviews. Plain HTTP.</summary>
internal sealed class FakeHost : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly DirectoryInfo _folder;

    private FakeHost(WebApplication app, DirectoryInfo folder)
    {
        (_app, _folder) = (app, folder);
        Kubeconfig = Path.Combine(folder.FullName, "kubeconfig");
        File.WriteAllText(Kubeconfig,
            $"apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts: [{{name: c, context: {{cluster: c, user: c}}}}]\nclusters: [{{name: c, cluster: {{server: \"{app.Urls.Single()}\"}}}}]\nusers: [{{name: c, user: {{}}}}]\n");
    }

    public string Kubeconfig { get; }

    /// <summary>What was asked: method and path.</summary>
    public ConcurrentQueue<string> Requests { get; } = new();

    /// <summary>Whether a user may do a verb.</summary>
    public Func<string, string, bool> Allows { get; set; } = (_, _) => true;

    public static async Task<FakeHost> StartAsync()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("host-");
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        builder.Services.AddSqliteObjectStore(new SqliteStoreOptions { Path = Path.Combine(folder.FullName, "host.db"), CompactionInterval = TimeSpan.Zero });
        builder.Services.AddSingleton<IAuthorizer, AllowAllAuthorizer>();
        builder.Services.AddApiMachinery()
            .AddResource(Kind("", "ConfigMap", "configmaps", ResourceScope.Namespaced))
            .AddResource(Kind("", "Namespace", "namespaces", ResourceScope.Cluster))
            .AddResource(Kind("admissionregistration.k8s.io", "MutatingWebhookConfiguration", "mutatingwebhookconfigurations", ResourceScope.Cluster))
            .AddResource(Kind("admissionregistration.k8s.io", "ValidatingWebhookConfiguration", "validatingwebhookconfigurations", ResourceScope.Cluster));
        WebApplication app = builder.Build();
        FakeHost? host = null;
        app.Use((http, next) =>
        {
            host!.Requests.Enqueue($"{http.Request.Method} {http.Request.Path}{http.Request.QueryString}");
            return next(http);
        });
        app.MapPost("/apis/authorization.k8s.io/v1/subjectaccessreviews", http => host!.ReviewAsync(http, review => new JsonObject
        {
            ["allowed"] = host.Allows((string)review["spec"]!["user"]!, (string?)review["spec"]!["resourceAttributes"]?["verb"] ?? "get"),
        }));
        app.MapPost("/apis/authentication.k8s.io/v1/tokenreviews", http => host!.ReviewAsync(http, review => (string?)review["spec"]!["token"] == "good"
            ? new JsonObject { ["authenticated"] = true, ["user"] = new JsonObject { ["username"] = "tom" } }
            : new JsonObject { ["authenticated"] = false }));
        app.MapApiMachinery();
        await app.StartAsync();
        host = new FakeHost(app, folder);
        await host.WriteAsync("", "namespaces", "", "team-a", []);
        return host;
    }

    /// <summary>Creates an object, or replaces what it holds.</summary>
    public async Task WriteAsync(string group, string plural, string ns, string name, JsonObject content)
    {
        ResourceStore store = _app.Services.GetRequiredService<ResourceRegistry>().StoreOf(group, plural);
        var options = new WriteOptions { FieldManager = "test" };
        var document = new JsonObject { ["apiVersion"] = store.Definition.ApiVersion, ["kind"] = store.Definition.Kind, ["metadata"] = new JsonObject { ["name"] = name } };
        Fill(document);
        if (await store.FindAsync(ns, name, default) is null)
        {
            await store.CreateAsync(ns, document, options, default);
        }
        else
        {
            await store.UpdateAsync(ns, name, live =>
            {
                Fill(live);
                return live;
            }, options, default);
        }

        void Fill(JsonObject target)
        {
            foreach ((string field, JsonNode? value) in content)
            {
                target[field] = value?.DeepClone();
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    private async Task ReviewAsync(HttpContext http, Func<JsonObject, JsonObject> answer)
    {
        JsonObject review = (await JsonNode.ParseAsync(http.Request.Body))!.AsObject();
        review["status"] = answer(review);
        http.Response.StatusCode = 201;
        await http.Response.WriteAsJsonAsync(review);
    }

    private static ResourceDefinition Kind(string group, string kind, string plural, ResourceScope scope) => new()
    {
        Group = group,
        Version = "v1",
        Kind = kind,
        Plural = plural,
        Singular = kind.ToLowerInvariant(),
        Scope = scope,
        HasStatus = false,
        Schema = Schema.Anything(),
    };
}
