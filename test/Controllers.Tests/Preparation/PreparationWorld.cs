using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using AiModels.Contracts.V1Alpha1;
using AiModels.Contracts.WellKnown;
using AiModels.Controllers.Preparation.Pipeline;
using AiModels.Controllers.Preparation.Sources.Hubs;
using AiModels.Hosting;
using AiModels.Hosting.Kubernetes;
using AiModels.ModelPack;
using AiModels.ModelPack.Chunking;
using AiModels.ModelPack.Client;
using AiModels.ModelPack.Format;
using AiModels.ModelPack.Grants;
using AiModels.ModelPack.Oci;
using AiModels.Registry;
using AiModels.TestKit;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace AiModels.Controllers.Tests.Preparation;

/// <summary>
/// The real controllers beside the real registry on a unix socket, with an API in memory whose subresources grant, upload and progress behave as the
/// ApiServer's do.
/// </summary>
internal sealed class PreparationWorld : IAsyncDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("aimodels-test-").FullName;
    private readonly GrantSigner _signer;
    private readonly long? _capacityLimit;
    private readonly ConcurrentDictionary<string, UploadSessionStatus> _sessions = [];
    private WebApplication? _registry;
    private WebApplication? _controllers;

    private PreparationWorld(long? capacityLimit)
    {
        _capacityLimit = capacityLimit;
        _signer = GrantSigner.Open(Path.Combine(_folder, "grant.pem"), TimeProvider.System);
        _signer.PublishKey(Path.Combine(_folder, "keys"));
        Kubernetes.Subresources = Answer;
    }

    /// <summary>Little between attempts; a stall is found only where a test shortens it.</summary>
    public static HubPatience QuickPatience { get; } = new() { FirstDelay = TimeSpan.FromMilliseconds(20), LongestDelay = TimeSpan.FromMilliseconds(200) };

    public InMemoryKubernetes Kubernetes { get; } = new();

    /// <summary>Everything that the controllers log, at any level.</summary>
    public LogCapture Logs { get; } = new();

    /// <summary>The last report for each model, by name.</summary>
    public ConcurrentDictionary<string, ModelProgress> Progress { get; } = [];

    /// <summary>A client that may do everything.</summary>
    public RegistryClient Registry { get; private set; } = null!;

    private string Address => $"unix://{_folder}/r.sock";

    public static async Task<PreparationWorld> StartAsync(bool withControllers = true, long? capacityLimit = null)
    {
        var world = new PreparationWorld(capacityLimit);
        await world.StartRegistryAsync();
        world.Registry = new RegistryClient(new RegistryClientOptions { Address = world.Address, Grants = new EveryGrant(world._signer) });
        if (withControllers)
        {
            await world.StartControllersAsync();
        }

        return world;
    }

    public async Task StartRegistryAsync()
    {
        WebApplicationBuilder builder = ComponentHosting.CreateBuilder("registry");
        builder.Logging.ClearProviders();
        builder.AddRegistry(new RegistryOptions { Listen = [Address], Storage = $"folder:{_folder}/store", GrantKeys = Path.Combine(_folder, "keys"), CapacityLimit = _capacityLimit });
        _registry = builder.Build();
        _registry.MapRegistry();
        await _registry.StartAsync();
    }

    public async Task StopRegistryAsync()
    {
        await _registry!.StopAsync();
        await _registry.DisposeAsync();
        _registry = null;
        File.Delete($"{_folder}/r.sock");
    }

    /// <param name="patience">With hubs; default: enough for a slow machine, and little between attempts.</param>
    /// <param name="services">Parts that take the place of the controllers' own.</param>
    public async Task StartControllersAsync(Action<ControllersOptions>? configure = null, HubPatience? patience = null, Action<IServiceCollection>? services = null)
    {
        WebApplicationBuilder builder = ComponentHosting.CreateBuilder("controllers");
        builder.Logging.ClearProviders().SetMinimumLevel(LogLevel.Trace).AddProvider(Logs);
        builder.Services.AddSingleton<IKubernetesClient>(Kubernetes);
        builder.Services.AddSingleton(patience ?? QuickPatience);
        builder.WebHost.UseUrls($"http://unix:{_folder}/c.sock");
        var options = new ControllersOptions { Registry = Address, SourceCaFile = TestAuthority.Shared.PemFile };
        configure?.Invoke(options);
        services?.Invoke(builder.Services);
        builder.AddAiModelsControllers(options);
        _controllers = builder.Build();
        await _controllers.StartAsync();
    }

    /// <summary>Ends the controllers wherever they are: what they have in memory is gone.</summary>
    public async Task StopControllersAsync()
    {
        await _controllers!.StopAsync();
        await _controllers.DisposeAsync();
        _controllers = null;
        File.Delete($"{_folder}/c.sock");
    }

    public Task<JsonObject> CreateAsync(string name, JsonObject source, bool isCluster = false)
    {
        var metadata = new JsonObject { ["name"] = name, ["uid"] = Guid.NewGuid().ToString(), ["finalizers"] = new JsonArray(Finalizers.Cleanup) };
        if (!isCluster)
        {
            metadata["namespace"] = "ns";
        }

        return Kubernetes.CreateAsync(isCluster ? ResourceTypes.ClusterModels : ResourceTypes.Models, new JsonObject
        {
            ["apiVersion"] = "ai.deckhouse.io/v1alpha1",
            ["kind"] = isCluster ? "ClusterModel" : "Model",
            ["metadata"] = metadata,
            ["spec"] = new JsonObject { ["source"] = source },
        }, null, CancellationToken.None);
    }

    public Task<JsonObject> CreateUploadAsync(string name) => CreateAsync(name, new JsonObject { ["upload"] = new JsonObject() });

    /// <summary>What the receiver does when the last byte has come.</summary>
    public async Task ReceiveAsync(JsonObject model, string? fileName, byte[] content, bool isCluster = false)
    {
        string uid = (string)model["metadata"]!["uid"]!;
        string repository = $"{(isCluster ? "clustermodels" : "models")}/{uid}";
        var writer = new ModelPackWriter(Registry, repository);
        FileEntry file = await writer.WriteFileAsync(
            fileName ?? "upload", new MemoryStream(content), new ChunkedFileWriterOptions { Length = content.Length }, CancellationToken.None);
        PackedManifest received = await writer.PublishAsync([file], new ModelDescription(), WellKnownTags.Upload, CancellationToken.None, MediaTypes.UploadManifest);
        await SetSessionAsync(model, new UploadSessionStatus
        {
            State = UploadStates.Received,
            FileName = fileName,
            LengthBytes = content.Length,
            OffsetBytes = content.Length,
            ReceivedDigest = received.Digest.ToString(),
        }, isCluster);
    }

    /// <summary>Changes the session and wakes the controllers by annotation.</summary>
    public async Task SetSessionAsync(JsonObject model, UploadSessionStatus session, bool isCluster = false)
    {
        _sessions[(string)model["metadata"]!["uid"]!] = session;
        var patch = new JsonObject { ["metadata"] = new JsonObject { ["annotations"] = new JsonObject { [Annotations.UploadState] = $"{session.State} {Guid.NewGuid()}" } } };
        await Kubernetes.PatchAsync(
            isCluster ? ResourceTypes.ClusterModels : ResourceTypes.Models, (string?)model["metadata"]!["namespace"], (string)model["metadata"]!["name"]!,
            KubernetesPatch.Merge, patch, null, null, CancellationToken.None);
    }

    /// <summary>Waits until an object is as wanted; null when it was deleted.</summary>
    public async Task<JsonObject?> WaitAsync(ResourceType type, string name, Func<JsonObject?, bool> isWanted, CancellationToken cancellationToken)
    {
        JsonObject? last = null;
        try
        {
            await foreach (KubernetesEvent change in Kubernetes.WatchAsync(type, null, null, cancellationToken))
            {
                if ((string?)change.Object["metadata"]!["name"] == name)
                {
                    last = change.Object;
                    JsonObject? state = change.Type == "DELETED" ? null : change.Object;
                    if (isWanted(state))
                    {
                        return state;
                    }
                }
            }
        }
        catch (OperationCanceledException)
        {
            Assert.Fail($"{name} never became as wanted; it is {last?["status"]?.ToJsonString()}");
        }

        throw new InvalidOperationException("The watch ended.");
    }

    public async Task<ModelStatus> WaitForPhaseAsync(string name, string phase, CancellationToken cancellationToken, bool isCluster = false)
    {
        JsonObject? model = await WaitAsync(
            isCluster ? ResourceTypes.ClusterModels : ResourceTypes.Models, name, state => (string?)state?["status"]?["phase"] == phase, cancellationToken);
        return model!["status"].Deserialize<ModelStatus>(ContractsJson.Options)!;
    }

    /// <summary>The files of a Ready model.</summary>
    public async Task<Dictionary<string, byte[]>> ReadModelAsync(JsonObject model, string digest)
    {
        ModelPackReader reader = await ModelPackReader.OpenAsync(Registry, $"models/{model["metadata"]!["uid"]}", digest, CancellationToken.None);
        var files = new Dictionary<string, byte[]>();
        foreach (FileEntry file in reader.Files)
        {
            using var content = new MemoryStream();
            await using Stream stream = reader.OpenRead(file);
            await stream.CopyToAsync(content);
            files[file.Path] = content.ToArray();
        }

        return files;
    }

    /// <summary>Whether the notes of an unfinished preparation tell of so many chunks of a file.</summary>
    public async Task<bool> HasCheckpointOfAsync(string repository, string path, int chunks) =>
        (await NotesAsync(repository)).Any(file => file.Path == path && file.Chunks.Count >= chunks);

    /// <summary>What the notes of an unfinished preparation tell; nothing when there are none.</summary>
    public async Task<IReadOnlyList<FileEntry>> NotesAsync(string repository)
    {
        try
        {
            return (await ModelPackReader.OpenAsync(Registry, repository, Checkpoint.Tag, CancellationToken.None)).Files;
        }
        catch (FileNotFoundException)
        {
            return [];
        }
        catch (RegistryException e) when (e.Status == HttpStatusCode.NotFound)
        {
            // Deleted between the two requests; lost when the tag is still there.
            if (await Registry.ResolveAsync(repository, Checkpoint.Tag, CancellationToken.None) is not null) throw;
            return [];
        }
    }

    /// <summary>Gives a Secret with a token for a hub.</summary>
    public Task CreateTokenAsync(string name, string token) => Kubernetes.CreateAsync(ResourceTypes.Secrets, new JsonObject
    {
        ["metadata"] = new JsonObject { ["name"] = name, ["namespace"] = "ns" },
        ["data"] = new JsonObject { ["HF_TOKEN"] = Convert.ToBase64String(Encoding.UTF8.GetBytes(token + "\n")) },
    }, null, CancellationToken.None);

    /// <summary>The Events about an object.</summary>
    public IReadOnlyList<(string Type, string Reason, string Message)> EventsOf(string name) => [.. Kubernetes.All(ResourceTypes.Events)
        .Where(entry => (string?)entry["involvedObject"]!["name"] == name)
        .Select(entry => ((string)entry["type"]!, (string)entry["reason"]!, (string)entry["message"]!))];

    /// <summary>Services of the running controllers.</summary>
    public IServiceProvider Services => _controllers!.Services;

    /// <summary>What the registry's scrubber does with a blob that has rotted.</summary>
    public ValueTask LoseAsync(Digest digest, CancellationToken cancellationToken) =>
        _registry!.Services.GetRequiredService<AiModels.Registry.Integrity.Quarantine>().TakeAsync(digest, cancellationToken);

    /// <summary>Room that the registry keeps for models.</summary>
    public int Reservations => Directory.Exists($"{_folder}/store/capacity") ? Directory.GetFiles($"{_folder}/store/capacity", "_reservation", SearchOption.AllDirectories).Length : 0;

    /// <summary>Uploads that the registry has begun and not ended.</summary>
    public int OpenUploads => Directory.Exists($"{_folder}/store/uploads") ? Directory.GetFileSystemEntries($"{_folder}/store/uploads").Length : 0;

    public long StoredBytes => new DirectoryInfo($"{_folder}/store/blobs").EnumerateFiles("*", SearchOption.AllDirectories).Sum(file => file.Length);

    public async ValueTask DisposeAsync()
    {
        if (_controllers is not null)
        {
            await StopControllersAsync();
        }

        Registry.Dispose();
        if (_registry is not null)
        {
            await StopRegistryAsync();
        }

        Directory.Delete(_folder, recursive: true);
    }

    private JsonObject Answer(HttpMethod method, ResourceType type, NamespacedKey key, string subresource, JsonObject? body)
    {
        JsonObject model = Kubernetes.Find(type, key.Namespace, key.Name) ?? throw new KubernetesApiException(404, "NotFound", "no model");
        string uid = (string)model["metadata"]!["uid"]!;
        switch (subresource)
        {
            case "grant":
                var request = body.Deserialize<RegistryGrant>(ContractsJson.Options)!;
                string repository = $"{type.Plural}/{uid}";
                string token = _signer.Sign("controllers", [new GrantAccess(repository, [.. request.Spec!.Actions!])], TimeSpan.FromHours(1), out DateTimeOffset expires);
                return Json(new RegistryGrant { Status = new RegistryGrantStatus { Registry = Address, Repository = repository, Token = token, ExpiresAt = expires } });
            case "progress" when method == HttpMethod.Get:
                return Progress.TryGetValue(key.Name, out ModelProgress? known) ? Json(known) : throw new KubernetesApiException(404, "NotFound", "no progress");
            case "progress":
                Progress[key.Name] = body.Deserialize<ModelProgress>(ContractsJson.Options)!;
                return body!;
            case "upload" when method == HttpMethod.Get:
                return _sessions.TryGetValue(uid, out UploadSessionStatus? session)
                    ? Json(new UploadSession { Status = session with { Token = null } })
                    : throw new KubernetesApiException(404, "NotFound", "no session");
            case "upload":
                UploadSessionStatus open = _sessions.GetOrAdd(uid, _ => new UploadSessionStatus
                {
                    State = UploadStates.Waiting,
                    Url = $"https://api/{key.Name}/upload",
                    Token = Convert.ToHexString(RandomNumberGenerator.GetBytes(8)),
                    ExpiresAt = DateTimeOffset.UnixEpoch.AddYears(60),
                });
                return Json(new UploadSession { Status = open });
            default:
                throw new KubernetesApiException(404, "NotFound", subresource);
        }
    }

    private static JsonObject Json<T>(T value) => (JsonObject)JsonSerializer.SerializeToNode(value, ContractsJson.Options)!;

    /// <summary>The text under a key of a Secret.</summary>
    public static string SecretText(JsonObject secret, string key) => Encoding.UTF8.GetString(Convert.FromBase64String((string)secret["data"]![key]!));

    private sealed class EveryGrant(GrantSigner signer) : IGrantSource
    {
        public ValueTask<AccessToken> GetTokenAsync(string repository, IReadOnlyCollection<string> actions, CancellationToken cancellationToken) =>
            new(new AccessToken(signer.Sign("test", [new GrantAccess(repository, ["pull", "push", "delete"])], TimeSpan.FromHours(1), out DateTimeOffset expires), expires));
    }
}
