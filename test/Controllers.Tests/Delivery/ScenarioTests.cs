using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using AiModels.Contracts.V1Alpha1;
using AiModels.Controllers.Delivery;
using AiModels.Controllers.Delivery.NodeCache;
using AiModels.Controllers.Delivery.SharedPvc;
using AiModels.Controllers.Runtime;
using AiModels.Hosting.Kubernetes;
using AiModels.TestKit;
using Microsoft.Extensions.Logging.Abstractions;

namespace AiModels.Controllers.Tests.Delivery;

/// <summary>
/// Runs every folder of test/testdata/delivery. workload.yaml: first the workload, then whatever else the cluster holds (models, StorageClasses, Jobs …) and, as
/// kind Settings, the delivery settings. expected.yaml: what one reconciliation applies to the workload, creates, deletes, and says by Event; a document for each where Settings
/// ask for several ("reconciliations"). The first call of which the words begin with "failsOnce" is answered by an error,
/// every one that begins with a key of "refused" by 403 in the words of its value.
/// With AIMODELS_UPDATE_TESTDATA=1 expected.yaml is written anew, to be read before it is believed.
/// </summary>
[TestClass]
public sealed class ScenarioTests
{
    private static readonly string Root = FindRoot();

    public static IEnumerable<object[]> Scenarios => Directory.GetDirectories(Root).Order().Select(folder => new object[] { Path.GetFileName(folder) });

    [TestMethod, Timeout(30_000)]
    [DynamicData(nameof(Scenarios))]
    public async Task Scenario_Reconciled_GivesWhatIsExpected(string scenario)
    {
        string folder = Path.Combine(Root, scenario);
        IReadOnlyList<JsonObject> actual = await ReconcileAsync(YamlDocuments.Read(Path.Combine(folder, "workload.yaml")));
        if (Environment.GetEnvironmentVariable("AIMODELS_UPDATE_TESTDATA") is { Length: > 0 })
        {
            YamlDocuments.Write(Path.Combine(folder, "expected.yaml"), actual);
        }

        IReadOnlyList<JsonObject> expected = YamlDocuments.Read(Path.Combine(folder, "expected.yaml"));
        Assert.AreEqual(string.Join('\n', expected.Select(Text)), string.Join('\n', actual.Select(Text)));
    }

    private static async Task<IReadOnlyList<JsonObject>> ReconcileAsync(IReadOnlyList<JsonObject> documents)
    {
        var cluster = new InMemoryKubernetes { Subresources = Grant };
        JsonObject settings = documents.FirstOrDefault(document => (string?)document["kind"] == "Settings") ?? [];
        foreach (JsonObject document in documents.Where(document => document != settings))
        {
            await cluster.CreateAsync(TypeOf(document), document, null, CancellationToken.None);
        }

        string? failing = (string?)settings["failsOnce"];
        cluster.Fault = call =>
        {
            if (failing is null || !call.StartsWith(failing, StringComparison.Ordinal))
            {
                return Refusal(settings["refused"] as JsonObject ?? [], call);
            }

            failing = null;
            return new KubernetesApiException(503, "ServiceUnavailable", $"{call}: not now");
        };
        var outcomes = new List<JsonObject>();
        while (outcomes.Count < ((long?)settings["reconciliations"] ?? 1))
        {
            outcomes.Add(await ReconcileOnceAsync(cluster, settings, KeyOf(documents[0])));
        }

        return outcomes;
    }

    /// <summary>With a reconciler that knows nothing of the time before, as after a restart.</summary>
    private static async Task<JsonObject> ReconcileOnceAsync(InMemoryKubernetes cluster, JsonObject settings, WorkloadKey key)
    {
        var before = cluster.Writes.Count;
        var client = new ApplyRecorder(cluster);
        var events = new RecordedEvents();
        string? error = null;
        try
        {
            await Reconciler(client, cluster, settings, events).ReconcileAsync(key, CancellationToken.None);
        }
        catch (KubernetesApiException e) when (e.StatusCode == 503)
        {
            error = e.Message;
        }

        JsonObject outcome = Outcome(client, cluster, events, before);
        if (error is not null)
        {
            outcome["failed"] = error;
        }

        return outcome;
    }

    private static KubernetesApiException? Refusal(JsonObject refused, string call) => refused
        .Where(refusal => call.StartsWith(refusal.Key, StringComparison.Ordinal))
        .Select(refusal => new KubernetesApiException(403, "Forbidden", (string)refusal.Value!)).FirstOrDefault();

    private static WorkloadReconciler Reconciler(ApplyRecorder client, InMemoryKubernetes cluster, JsonObject settings, RecordedEvents events)
    {
        var options = new DeliveryOptions
        {
            Type = (string?)settings["type"] ?? SharedPvcMode.ModeName,
            StorageClasses = [(string?)settings["storageClass"]],
            NodeAgentImage = "nodeagent:test",
        };
        var clock = new ManualClock();
        var grants = new MaterializerGrants(client, options, clock);
        var claims = new SharedClaim(client, options);
        var users = new ClaimUsers(client);
        return new WorkloadReconciler(
            client,
            new LookupInCluster(cluster),
            [new SharedPvcMode(client, claims, new StaleContent(client, claims, users, options), users, grants, options, clock), new NodeCacheMode(new NoCaches(), new())],
            options,
            new WorkloadWriter(client),
            new GatedPods(client),
            events,
            NullLogger<WorkloadReconciler>.Instance);
    }

    private static JsonObject Outcome(ApplyRecorder client, InMemoryKubernetes cluster, RecordedEvents events, int before)
    {
        var outcome = new JsonObject { ["applied"] = client.Applied.LastOrDefault() };
        if (client.JsonPatches.Count > 0)
        {
            outcome["patched"] = new JsonArray([.. client.JsonPatches.Select(patch => patch.DeepClone())]);
        }

        string[] writes = [.. cluster.Writes.Skip(before)];
        JsonNode[] created = [.. writes.Where(write => write.StartsWith("create ", StringComparison.Ordinal)).Select(write => Created(cluster, write["create ".Length..]))];
        if (created.Length > 0)
        {
            outcome["created"] = new JsonArray(created);
        }

        JsonNode[] others = [.. writes.Where(write => !write.StartsWith("create ", StringComparison.Ordinal)).Select(write => (JsonNode)write)];
        if (others.Length > 0)
        {
            outcome["otherWrites"] = new JsonArray(others);
        }

        if (events.Texts.Count > 0)
        {
            outcome["events"] = new JsonArray([.. events.Texts.Select(text => (JsonNode)text)]);
        }

        return outcome;
    }

    /// <summary>A created object without what the store added.</summary>
    private static JsonObject Created(InMemoryKubernetes cluster, string path)
    {
        string[] parts = path.Split('/');
        JsonObject created = new[] { ResourceTypes.PersistentVolumeClaims, ResourceTypes.Jobs, ResourceTypes.Secrets }
            .Where(type => type.Plural == parts[0]).Select(type => cluster.Find(type, parts[1], parts[2])).Single()!;
        foreach (string field in new[] { "uid", "generation", "resourceVersion" })
        {
            ((JsonObject)created["metadata"]!).Remove(field);
        }

        return created;
    }

    private static JsonObject Grant(HttpMethod method, ResourceType type, NamespacedKey key, string subresource, JsonObject? body) => JsonSerializer.SerializeToNode(
        new RegistryGrant
        {
            Status = new RegistryGrantStatus
            {
                Registry = "https://registry:5000",
                Repository = $"{type.Plural}/uid-of-{key.Name}",
                Token = "TOKEN",
                ExpiresAt = new ManualClock().GetUtcNow().AddSeconds(body!["spec"]!["expirationSeconds"]!.GetValue<long>()),
            },
        },
        ContractsJson.Options)!.AsObject();

    private static ResourceType TypeOf(JsonObject document) => (string)document["kind"]! switch
    {
        "Model" => ResourceTypes.Models,
        "ClusterModel" => ResourceTypes.ClusterModels,
        "StorageClass" => ResourceTypes.StorageClasses,
        "PersistentVolumeClaim" => ResourceTypes.PersistentVolumeClaims,
        "Job" => ResourceTypes.Jobs,
        "Pod" => ResourceTypes.Pods,
        "ReplicaSet" => ResourceTypes.ReplicaSets,
        "ControllerRevision" => ResourceTypes.ControllerRevisions,
        var kind => WorkloadKind.All.Single(workload => workload.Type.Kind == kind).Type,
    };

    private static WorkloadKey KeyOf(JsonObject workload) =>
        new(WorkloadKind.All.Single(kind => kind.Type.Kind == (string?)workload["kind"]), NamespacedName.Of(workload));

    private static string Text(JsonNode node) =>
        Sorted(node)!.ToJsonString(new JsonSerializerOptions { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });

    private static JsonNode? Sorted(JsonNode? node) => node switch
    {
        JsonObject map => new JsonObject(map.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => KeyValuePair.Create(pair.Key, Sorted(pair.Value)))),
        JsonArray list => new JsonArray([.. list.Select(Sorted)]),
        _ => node?.DeepClone(),
    };

    private static string FindRoot()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !Directory.Exists(Path.Combine(folder.FullName, "test", "testdata", "delivery")))
        {
            folder = folder.Parent;
        }

        return Path.Combine(folder?.FullName ?? throw new DirectoryNotFoundException("test/testdata/delivery"), "test", "testdata", "delivery");
    }

    private sealed class LookupInCluster(InMemoryKubernetes cluster) : IModelLookup
    {
        public bool IsSynced => true;

        public ModelFact? Find(ModelReference reference, string workloadNamespace) => reference.Kind == "Model"
            ? cluster.Find(ResourceTypes.Models, workloadNamespace, reference.Name) is { } model ? ModelFact.Of(model.Deserialize<Model>(ContractsJson.Options)!) : null
            : cluster.Find(ResourceTypes.ClusterModels, null, reference.Name) is { } shared ? ModelFact.Of(shared.Deserialize<ClusterModel>(ContractsJson.Options)!) : null;
    }

    private sealed class RecordedEvents : IEventRecorder
    {
        public List<string> Texts { get; } = [];

        public Task RecordAsync(EventTarget target, EventType type, string reason, string message, CancellationToken cancellationToken)
        {
            Texts.Add($"{type} {reason} {target.Kind} {target.Namespace}/{target.Name}: {message}");
            return Task.CompletedTask;
        }
    }
}
