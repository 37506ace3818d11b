using System.Text.Json.Nodes;
using AiModels.Contracts.V1Alpha1;
using AiModels.Contracts.WellKnown;

namespace AiModels.Controllers.Delivery.SharedPvc;

/// <summary>
/// The documents of one materializer: a Job that writes one model into the claim, and the Secret with its grant. When it has completed, the Secret goes; the Job stays for a
/// while, so that its log can be read, and on a user's claim for as long as the workload, because there it is the record that the claim holds the model. Pure.
/// </summary>
internal static class MaterializerJob
{
    public const string GrantKey = "token";
    public const string CaKey = "ca.crt";

    /// <summary>Annotation on the Secret: when the grant ends.</summary>
    public const string ExpiresAt = "ai.deckhouse.io/expires-at";

    // Long enough for somebody who comes from lunch to read the log.
    private const int SecondsAfterFinished = 2 * 3600;

    private const string GrantPath = "/var/run/ai-models/grant";

    public static string NameFor(Workload workload, DeliveredModel model) => $"{VolumeSet.NamePrefix}-{workload.Hash}-{model.DigestHex[..10]}";

    /// <summary>Of the Job's name. It is the Job's: however that ends, by its time limit too, it takes the grant along.</summary>
    public static JsonObject Secret(Workload workload, JsonObject job, RegistryGrantStatus grant, DeliveryOptions options)
    {
        var data = new JsonObject { [GrantKey] = Base64(grant.Token) };
        if (options.RegistryCaPem is not null)
        {
            data[CaKey] = Base64(options.RegistryCaPem);
        }

        var name = (string)job["metadata"]!["name"]!;
        JsonObject metadata = Metadata(workload, name);
        metadata["ownerReferences"] = new JsonArray(new JsonObject { ["apiVersion"] = "batch/v1", ["kind"] = "Job", ["name"] = name, ["uid"] = (string)job["metadata"]!["uid"]! });
        metadata["annotations"] = new JsonObject { [ExpiresAt] = grant.ExpiresAt.ToUniversalTime().ToString("yyyy-MM-ddTHH:mm:ssZ") };
        return new JsonObject { ["apiVersion"] = "v1", ["kind"] = "Secret", ["metadata"] = metadata, ["type"] = "Opaque", ["data"] = data };
    }

    /// <summary>UID of the model that the Job reads; null when it does not say.</summary>
    public static string? ModelOf(JsonObject job) => (string?)job["metadata"]?["labels"]?[Labels.ModelUid];

    /// <summary>UID of the claim that the Job writes to; null when it does not say, as Jobs of versions before this label.</summary>
    public static string? ClaimOf(JsonObject job) => (string?)job["metadata"]?["labels"]?[Labels.ClaimUid];

    public static JsonObject Job(Workload workload, ModelFact fact, ClaimContent claim, RegistryGrantStatus grant, DeliveryOptions options)
    {
        DeliveredModel model = fact.Delivered;
        string name = NameFor(workload, model);
        var spec = new JsonObject
        {
            ["backoffLimit"] = 6,
            ["template"] = new JsonObject
            {
                ["metadata"] = new JsonObject { ["labels"] = workload.Labels() },
                ["spec"] = PodSpec(workload, name, model, claim.Name, grant, options),
            },
        };
        if (claim.IsOurs)
        {
            spec["ttlSecondsAfterFinished"] = SecondsAfterFinished;
        }

        JsonObject metadata = Metadata(workload, name);
        metadata["labels"]![Labels.ModelUid] = fact.Uid;
        metadata["labels"]![Labels.ClaimUid] = claim.Uid;
        return new JsonObject { ["apiVersion"] = "batch/v1", ["kind"] = "Job", ["metadata"] = metadata, ["spec"] = spec };
    }

    /// <summary>Of everything that is made for a workload's claim: it goes with the workload.</summary>
    public static JsonObject Metadata(Workload workload, string name) => new()
    {
        ["name"] = name,
        ["namespace"] = workload.Namespace,
        ["labels"] = workload.Labels(),
        ["ownerReferences"] = workload.OwnerReferences(),
    };

    private static JsonObject PodSpec(Workload workload, string name, DeliveredModel model, string claim, RegistryGrantStatus grant, DeliveryOptions options)
    {
        JsonObject spec = ClaimPod.Spec(workload, "materialize", Arguments(model, grant, options), claim, options);
        ((JsonArray)spec["containers"]![0]!["volumeMounts"]!).Add(new JsonObject { ["name"] = "grant", ["mountPath"] = GrantPath, ["readOnly"] = true });
        ((JsonArray)spec["volumes"]!).Add(new JsonObject { ["name"] = "grant", ["secret"] = new JsonObject { ["secretName"] = name } });
        return spec;
    }

    private static JsonArray Arguments(DeliveredModel model, RegistryGrantStatus grant, DeliveryOptions options)
    {
        JsonArray arguments =
        [
            "--registry", options.JobRegistryAddress ?? grant.Registry,
            "--repository", grant.Repository,
            "--digest", model.Digest,
            "--grant-file", $"{GrantPath}/{GrantKey}",
            "--target", $"{ClaimPod.Path}/{model.DigestHex}",
        ];
        if (options.RegistryCaPem is not null)
        {
            arguments.Add("--registry-ca-file");
            arguments.Add($"{GrantPath}/{CaKey}");
        }

        return arguments;
    }

    private static string Base64(string text) => Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(text));
}
