using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using AiModels.ApiMachinery;
using AiModels.ApiMachinery.Http;
using AiModels.ApiMachinery.Resources;
using AiModels.ApiMachinery.Schemas;
using AiModels.ApiMachinery.Storage.Sqlite;
using AiModels.ApiMachinery.Tables;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace AiModels.ApiServer.Tests.ApiMachinery;

/// <summary>A real API server on a free port with SQLite behind it, serving widgets (namespaced, with status) and gadgets (cluster-scoped).</summary>
internal sealed class WidgetServer : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly DirectoryInfo _folder;

    private WidgetServer(WebApplication app, DirectoryInfo folder)
    {
        (_app, _folder) = (app, folder);
        Address = new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());
        Client = new HttpClient(new SocketsHttpHandler { AutomaticDecompression = DecompressionMethods.None }) { BaseAddress = Address };
    }

    public Uri Address { get; }
    public HttpClient Client { get; }
    public IServiceProvider Services => _app.Services;

    public static ResourceDefinition Widget { get; } = new()
    {
        Group = "example.com",
        Version = "v1",
        Kind = "Widget",
        Plural = "widgets",
        Singular = "widget",
        ShortNames = ["wd"],
        Categories = ["all"],
        Scope = ResourceScope.Namespaced,
        SelectableFields = ["spec.color"],
        Schema = StandardSchemas.Root("A widget.", new Dictionary<string, Schema>
        {
            ["spec"] = new()
            {
                Type = SchemaType.Object,
                Properties = new Dictionary<string, Schema>
                {
                    ["color"] = new() { Type = SchemaType.String, Default = "red" },
                    ["size"] = new() { Type = SchemaType.Integer, Minimum = 0 },
                    ["text"] = new() { Type = SchemaType.String },
                },
            },
            ["status"] = new() { Type = SchemaType.Object, Properties = new Dictionary<string, Schema> { ["phase"] = new() { Type = SchemaType.String } } },
        }),
        Columns = [new TableColumn("Color", "string", "Its color.", (widget, _) => widget["spec"]?["color"]?.DeepClone()), TableColumn.Age],
    };

    public static ResourceDefinition Gadget { get; } = Widget with
    {
        Kind = "Gadget",
        Plural = "gadgets",
        Singular = "gadget",
        ShortNames = [],
        Scope = ResourceScope.Cluster,
        Schema = Schema.Anything(),
        HasStatus = false,
    };

    public static async Task<WidgetServer> StartAsync(
        Action<ApiGroupBuilder>? configure = null, Action<ApiMachineryOptions>? options = null, Action<KestrelServerOptions>? kestrel = null,
        ResourceDefinition? widget = null, bool allowsAll = true, int watchEvents = 1024)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("widgets-");
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddSqliteObjectStore(new SqliteStoreOptions { Path = Path.Combine(folder.FullName, "objects.db"), CompactionInterval = TimeSpan.Zero, WatchEvents = watchEvents });
        builder.WebHost.ConfigureKestrel(server =>
        {
            server.UseApiServerLimits();
            if (kestrel is null)
            {
                server.Listen(IPAddress.Loopback, 0);
            }
            else
            {
                kestrel(server);
            }
        });
        ApiGroupBuilder api = builder.Services.AddApiMachinery(options).AddResource(widget ?? Widget).AddResource(Gadget);
        configure?.Invoke(api);
        if (allowsAll)
        {
            builder.Services.AddSingleton<IAuthorizer, AllowAllAuthorizer>();
        }

        WebApplication app = builder.Build();
        app.MapApiMachinery();
        await app.StartAsync();
        return new WidgetServer(app, folder);
    }

    /// <summary>Path of the widgets of a namespace.</summary>
    public static string Widgets(string ns = "default") => $"/apis/example.com/v1/namespaces/{ns}/widgets";

    public static JsonObject New(string name, string? color = null)
    {
        JsonObject widget = new()
        {
            ["apiVersion"] = "example.com/v1",
            ["kind"] = "Widget",
            ["metadata"] = new JsonObject { ["name"] = name },
            ["spec"] = new JsonObject(),
        };
        if (color is not null)
        {
            widget["spec"]!["color"] = color;
        }

        return widget;
    }

    /// <summary>Sends a request and reads the answer whole.</summary>
    public async Task<Answer> SendAsync(
        string method, string path, object? body = null, string? type = "application/json", string? accept = null, CancellationToken cancellationToken = default,
        params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        if (body is not null)
        {
            string text = body as string ?? ((JsonNode)body).ToJsonString();
            request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(text));
            if (type is not null)
            {
                request.Content.Headers.TryAddWithoutValidation("Content-Type", type);
            }
        }

        if (accept is not null)
        {
            request.Headers.TryAddWithoutValidation("Accept", accept);
        }

        foreach ((string name, string value) in headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        using HttpResponseMessage response = await Client.SendAsync(request, cancellationToken);
        byte[] bytes = await response.Content.ReadAsByteArrayAsync(cancellationToken);
        return new Answer((int)response.StatusCode, bytes, response.Headers.NonValidated.Concat(response.Content.Headers.NonValidated)
            .ToDictionary(header => header.Key, header => header.Value.ToString(), StringComparer.OrdinalIgnoreCase));
    }

    /// <summary>Creates a widget and returns it as stored.</summary>
    public async Task<JsonObject> CreateAsync(JsonObject widget, string ns = "default")
    {
        Answer answer = await SendAsync("POST", Widgets(ns), widget);
        Assert.AreEqual(201, answer.Code, answer.Text);
        return answer.Json;
    }

    public Task StopAsync() => _app.StopAsync();

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _app.DisposeAsync();
        _folder.Delete(recursive: true);
    }
}

/// <summary>An answer, read whole.</summary>
internal sealed record Answer(int Code, byte[] Body, IReadOnlyDictionary<string, string> Headers)
{
    public string Text => Encoding.UTF8.GetString(Body);
    public JsonObject Json => JsonNode.Parse(Body)!.AsObject();
    public string Message => (string)Json["message"]!;

    public string Header(string name) => Headers.GetValueOrDefault(name, "");
}
