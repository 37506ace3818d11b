using System.Text;
using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Schemas;
using AiModels.ApiServer;
using AiModels.ApiServer.Installation;
using AiModels.Controllers;
using AiModels.CsiDriver;
using AiModels.Hosting.CommandLine;
using AiModels.NodeAgent;
using AiModels.Registry;
using AiModels.TestKit;

namespace AiModels.EndToEnd.Tests;

/// <summary>Every overlay of manifests/, as kubectl renders it: each reference has its object, and each program understands what it is started with.</summary>
[TestClass]
public sealed class ManifestTests
{
    // Made by hand, as manifests/README.md says.
    private static readonly string[] BroughtAlong = ["ai-models-etcd", "ai-models-s3"];
    private static readonly string[] OfKubernetes = ["system:auth-delegator", "extension-apiserver-authentication-reader"];

    public TestContext TestContext { get; set; } = null!;

    private CancellationToken Cancelled => TestContext.CancellationToken;

    /// <summary>What can be applied as it is.</summary>
    public static IEnumerable<string> Overlays => [.. Directory.GetDirectories(Checkout.File("manifests/overlays")).Select(path => Path.GetFileName(path)).Order()];

    /// <summary>The overlays, and some with components that people add.</summary>
    public static IEnumerable<string> Installations => [.. Overlays, "single+monitoring", "single+audit", "single+node-cache-storageclass", "s3-node-cache+monitoring", "s3-node-cache-sds+monitoring"];

    [TestMethod]
    [DynamicData(nameof(Installations))]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Overlay_EveryReference_HasItsObject(string overlay)
    {
        List<JsonObject> objects = await RenderAsync(overlay);
        foreach (JsonObject workload in objects.Where(obj => PodOf(obj) is not null))
        {
            string who = Name(workload);
            JsonObject pod = PodOf(workload)!["spec"]!.AsObject();
            Assert.IsTrue(Has(objects, "ServiceAccount", (string)pod["serviceAccountName"]!), $"{who}: its service account");
            foreach (JsonNode? volume in pod["volumes"] as JsonArray ?? [])
            {
                if ((string?)volume!["secret"]?["secretName"] is { } secret)
                    CollectionAssert.Contains(BroughtAlong.Concat([InstallationTrust.ApiServerCertificate, InstallationTrust.RegistryCertificate, InstallationTrust.GrantKey]).ToArray(), secret, who);
                if ((string?)volume["configMap"]?["name"] is { } map) CollectionAssert.Contains(new[] { InstallationTrust.Authority, InstallationTrust.GrantKeys }, map, who);
                if ((string?)volume["persistentVolumeClaim"]?["claimName"] is { } claim) Assert.IsTrue(Has(objects, "PersistentVolumeClaim", claim), $"{who}: the claim {claim}");
            }

            string[] volumes = [.. (pod["volumes"] as JsonArray ?? []).Select(v => (string)v!["name"]!)];
            foreach (JsonNode? container in pod["containers"]!.AsArray())
                foreach (JsonNode? mount in container!["volumeMounts"] as JsonArray ?? [])
                    CollectionAssert.Contains(volumes, (string)mount!["name"]!, $"{who}: a mount");
        }

        foreach (JsonObject binding in objects.Where(obj => Kind(obj).EndsWith("RoleBinding", StringComparison.Ordinal)))
        {
            string role = (string)binding["roleRef"]!["name"]!;
            Assert.IsTrue(Has(objects, (string)binding["roleRef"]!["kind"]!, role) || OfKubernetes.Contains(role), $"{Name(binding)}: the role {role}");
            Assert.IsTrue(binding["subjects"]!.AsArray().All(subject => Has(objects, "ServiceAccount", (string)subject!["name"]!)), $"{Name(binding)}: its subjects");
        }

        JsonObject service = objects.Single(obj => Kind(obj) == "APIService")["spec"]!["service"]!.AsObject();
        Assert.IsTrue(Has(objects, "Service", (string)service["name"]!), "the APIService's Service");
    }

    [TestMethod]
    [DynamicData(nameof(Installations))]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Overlay_EverySelector_FindsItsPods_AndEveryPortIsThere(string overlay)
    {
        List<JsonObject> objects = await RenderAsync(overlay);
        JsonObject[] services = [.. objects.Where(obj => Kind(obj) == "Service")];
        JsonObject[] templates = [.. objects.Select(PodOf).OfType<JsonObject>()];
        foreach (JsonObject obj in objects)
        {
            JsonObject? selector = Kind(obj) switch
            {
                "Service" => obj["spec"]!["selector"] as JsonObject,
                "PodDisruptionBudget" or "Deployment" or "DaemonSet" => obj["spec"]!["selector"]!["matchLabels"] as JsonObject,
                "NetworkPolicy" => obj["spec"]!["podSelector"]!["matchLabels"] as JsonObject,
                "PodMonitor" when templates.Any(template => template["spec"]!["containers"]!.AsArray().Any(c => (string?)c!["name"] == "nodeagent")) =>
                    obj["spec"]!["selector"]!["matchLabels"] as JsonObject,
                _ => null,
            };
            if (selector is null) continue;
            JsonObject[] found = [.. templates.Where(template => selector.All(label => (string?)template["metadata"]!["labels"]![label.Key] == (string?)label.Value))];
            Assert.IsNotEmpty(found, $"{Kind(obj)} {Name(obj)} selects nothing");
            if (Kind(obj) is "Service" or "NetworkPolicy" or "PodMonitor")
            {
                string[] ports = [.. found[0]["spec"]!["containers"]!.AsArray().SelectMany(c => c!["ports"] as JsonArray ?? []).Select(p => (string)p!["name"]!)];
                IEnumerable<JsonNode?> wanted = Kind(obj) switch
                {
                    "Service" => obj["spec"]!["ports"]!.AsArray().Select(p => p!["targetPort"]),
                    "PodMonitor" => obj["spec"]!["podMetricsEndpoints"]!.AsArray().Select(p => p!["port"]),
                    _ => (obj["spec"]!["ingress"] as JsonArray ?? []).SelectMany(rule => rule!["ports"] as JsonArray ?? []).Select(p => p!["port"]),
                };
                foreach (JsonNode? port in wanted) CollectionAssert.Contains(ports, (string)port!, $"{Kind(obj)} {Name(obj)}: a port");
            }
        }

        foreach (JsonObject monitor in objects.Where(obj => Kind(obj) == "ServiceMonitor"))
        {
            string name = (string)monitor["spec"]!["selector"]!["matchLabels"]!["app.kubernetes.io/name"]!;
            JsonObject service = services.Single(obj => (string?)obj["metadata"]!["labels"]!["app.kubernetes.io/name"] == name);
            string[] ports = [.. service["spec"]!["ports"]!.AsArray().Select(p => (string)p!["name"]!)];
            foreach (JsonNode? endpoint in monitor["spec"]!["endpoints"]!.AsArray()) CollectionAssert.Contains(ports, (string)endpoint!["port"]!, $"ServiceMonitor {Name(monitor)}: a port");
        }
    }

    [TestMethod]
    [DynamicData(nameof(Installations))]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Overlay_EveryContainer_IsStartedWithOptionsThatItsProgramHas(string overlay)
    {
        foreach ((string who, JsonObject pod) in (await RenderAsync(overlay)).Where(obj => PodOf(obj) is not null).Select(obj => (Name(obj), PodOf(obj)!["spec"]!.AsObject())))
        {
            foreach (JsonNode? container in pod["containers"]!.AsArray())
            {
                string program = (string)container!["command"]!.AsArray().Single()!;
                Assert.AreEqual($"ai-models/{program}:latest", (string?)container["image"], who);
                var environment = (container["env"] as JsonArray ?? []).ToDictionary(e => (string)e!["name"]!, e => (string?)e!["value"] ?? "value-of-a-field");
                string[] args = [.. container["args"]!.AsArray().Select(arg => environment.Aggregate((string)arg!, (text, e) => text.Replace($"$({e.Key})", e.Value, StringComparison.Ordinal)))];

                using var error = new StringWriter();
                int code = await Program(program).With(environment.GetValueOrDefault, TextWriter.Null, error).RunAsync(args);

                Assert.AreEqual(0, code, $"{who}: {error}");
                string prefix = $"AIMODELS_{program.Replace('-', '_').ToUpperInvariant()}_";
                foreach (string name in environment.Keys.Where(name => name.StartsWith(prefix, StringComparison.Ordinal)))
                    CollectionAssert.Contains(OptionsOf(program).Select(option => option.EnvironmentName).ToArray(), name, who);
            }
        }
    }

    [TestMethod]
    [DynamicData(nameof(Installations))]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Overlay_EveryContainer_HasNoMoreRightsThanItNeeds(string overlay)
    {
        foreach (JsonObject workload in (await RenderAsync(overlay)).Where(obj => PodOf(obj) is not null))
        {
            JsonObject pod = PodOf(workload)!["spec"]!.AsObject();
            foreach (JsonNode? container in pod["containers"]!.AsArray())
            {
                string program = (string)container!["name"]!;
                JsonNode security = container["securityContext"]!;
                Assert.IsTrue((bool?)security["readOnlyRootFilesystem"], program);
                Assert.AreEqual(program == "csi-driver", (bool?)security["privileged"] ?? false, program);
                Assert.AreEqual(program is not ("csi-driver" or "nodeagent"), (bool?)pod["securityContext"]?["runAsNonRoot"] ?? false, program);
                if (program != "csi-driver") Assert.AreEqual("""["ALL"]""", security["capabilities"]!["drop"]!.ToJsonString(), program);
                Assert.IsNotNull(container["resources"]?["limits"]?["memory"], program);
                Assert.IsTrue(container["readinessProbe"] is not null || Kind(workload) is "Job" or "CronJob", program);
            }
        }
    }

    [TestMethod]
    [DynamicData(nameof(Installations))]
    [Timeout(60_000, CooperativeCancellation = true)]
    public async Task Overlay_NoComponent_ReachesSecretsOfTheWholeCluster(string overlay)
    {
        List<JsonObject> objects = await RenderAsync(overlay);
        foreach (JsonObject binding in objects.Where(obj => Kind(obj) == "ClusterRoleBinding"))
        {
            string role = (string)binding["roleRef"]!["name"]!;
            foreach (JsonNode? rule in objects.SingleOrDefault(obj => Kind(obj) == "ClusterRole" && Name(obj) == role)?["rules"]?.AsArray() ?? [])
            {
                string text = rule!.ToJsonString();
                Assert.DoesNotContain("\"secrets\"", text, role);
                Assert.DoesNotContain("\"*\"", text, role);
                Assert.DoesNotContain("\"escalate\"", text, role);
            }
        }
    }

    private static CommandLineApplication Program(string name)
    {
        var program = new CommandLineApplication(name, "");
        return name switch
        {
            "apiserver" => program.Root<ApiServerOptions>(Done).Verb<CertificatesOptions>("certificates", "", Done),
            "registry" => program.Verb<RegistryOptions>("serve", "", Done),
            "controllers" => program.Verb<ControllersOptions>("run", "", Done),
            "nodeagent" => program.Verb<ServeOptions>("serve", "", Done),
            "csi-driver" => program.Root<CsiDriverOptions>(Done),
            _ => throw new ArgumentOutOfRangeException(nameof(name), name, "is no program of ours"),
        };
    }

    private static Task<int> Done<T>(T options, CancellationToken cancellationToken) => Task.FromResult(0);

    private static IReadOnlyList<OptionDescriptor> OptionsOf(string program) => OptionDescriptor.Of(
        program switch
        {
            "apiserver" => typeof(ApiServerOptions),
            "registry" => typeof(RegistryOptions),
            "controllers" => typeof(ControllersOptions),
            "nodeagent" => typeof(ServeOptions),
            _ => typeof(CsiDriverOptions),
        },
        program);

    private async Task<List<JsonObject>> RenderAsync(string overlay)
    {
        using TempFolder folder = new();
        string[] parts = overlay.Split('+');
        await File.WriteAllTextAsync(folder["kustomization.yaml"], Kustomization(folder.Path, parts[0], parts[1..]), Cancelled);
        string text = (await CommandResult.RunAsync("kubectl", ["kustomize", folder.Path], Cancelled)).Succeeded();
        return [.. text.Split("\n---\n").Select(document => DocumentDecoder.DecodeYaml(Encoding.UTF8.GetBytes(document)).Object!)];
    }

    /// <summary>What somebody writes who builds upon an overlay.</summary>
    private static string Kustomization(string folder, string overlay, IEnumerable<string> components) => $"""
        apiVersion: kustomize.config.k8s.io/v1beta1
        kind: Kustomization
        resources:
          - {Path.GetRelativePath(folder, Checkout.File($"manifests/overlays/{overlay}"))}
        components: [{string.Join(", ", components.Select(component => Path.GetRelativePath(folder, Checkout.File($"manifests/components/{component}"))))}]
        """;

    private static string Kind(JsonObject obj) => (string)obj["kind"]!;

    private static string Name(JsonObject obj) => (string)obj["metadata"]!["name"]!;

    private static bool Has(List<JsonObject> objects, string kind, string name) => objects.Any(obj => Kind(obj) == kind && Name(obj) == name);

    private static JsonObject? PodOf(JsonObject obj) => Kind(obj) switch
    {
        "CronJob" => obj["spec"]!["jobTemplate"]!["spec"]!["template"] as JsonObject,
        "PodTemplate" => obj["template"] as JsonObject,
        _ => obj["spec"]?["template"] as JsonObject,
    };
}
