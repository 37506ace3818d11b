using System.Text.Json.Nodes;
using AiModels.Contracts.V1Alpha1;
using AiModels.Contracts.WellKnown;

namespace AiModels.Controllers.Preparation.Jobs;

/// <summary>The documents of one preparation Job: the Job and the Secret with its task, both in the module's namespace and found by the model's UID. Pure.</summary>
internal static class PreparationJob
{
    /// <summary>Annotation on the Job: the attempt it works on.</summary>
    public const string Attempt = "ai.deckhouse.io/attempt";

    /// <summary>Annotation on the Secret: when the grant in it ends.</summary>
    public const string GrantExpiresAt = "ai.deckhouse.io/expires-at";

    /// <summary>Label that selects the Pods of a Job.</summary>
    public const string Component = "app.kubernetes.io/component";

    public const string ComponentValue = "preparation";

    private const string TaskPath = "/var/run/ai-models/task";

    // A Pod that dies is replaced so often with growing delays (about twenty minutes); then the controllers begin a new Job.
    private const int BackoffLimit = 6;

    // Long enough to look at logs.
    private const int SecondsAfterEnd = 3600;

    public static string NameFor(string uid) => $"ai-models-prepare-{uid}";

    public static JsonObject Secret(ModelObject model, RegistryGrantStatus grant, string? sourceToken, string? registryCa, string? sourceCa)
    {
        JsonObject data = new()
        {
            [PreparationTask.ModelKey] = PreparationTask.Base64(PreparationTask.Describe(model)),
            [PreparationTask.GrantKey] = PreparationTask.Base64(grant.Token),
        };
        foreach ((string key, string? value) in new[] { (PreparationTask.SourceTokenKey, sourceToken), (PreparationTask.RegistryCaKey, registryCa), (PreparationTask.SourceCaKey, sourceCa) })
        {
            if (value is not null)
            {
                data[key] = PreparationTask.Base64(value);
            }
        }

        JsonObject metadata = Metadata(model);
        metadata["annotations"] = new JsonObject { [GrantExpiresAt] = grant.ExpiresAt.ToUniversalTime().ToString("yyyy-MM-ddTHH:mm:ssZ") };
        return new JsonObject { ["apiVersion"] = "v1", ["kind"] = "Secret", ["metadata"] = metadata, ["type"] = "Opaque", ["data"] = data };
    }

    public static JsonObject Job(ModelObject model, ControllersOptions options, string attempt, string registry)
    {
        JsonObject metadata = Metadata(model);
        metadata["annotations"] = new JsonObject { [Attempt] = attempt };
        return new JsonObject
        {
            ["apiVersion"] = "batch/v1",
            ["kind"] = "Job",
            ["metadata"] = metadata,
            ["spec"] = new JsonObject
            {
                ["backoffLimit"] = BackoffLimit,
                ["ttlSecondsAfterFinished"] = SecondsAfterEnd,

                // A Pod that the cluster takes away (a drained node) is no failure of the Job.
                ["podFailurePolicy"] = new JsonObject
                {
                    ["rules"] = new JsonArray(new JsonObject
                    {
                        ["action"] = "Ignore",
                        ["onPodConditions"] = new JsonArray(new JsonObject { ["type"] = "DisruptionTarget", ["status"] = "True" }),
                    }),
                },
                ["template"] = new JsonObject { ["metadata"] = new JsonObject { ["labels"] = OwnLabels(model) }, ["spec"] = PodSpec(model, options, attempt, registry) },
            },
        };
    }

    private static JsonObject PodSpec(ModelObject model, ControllersOptions options, string attempt, string registry) => new()
    {
        ["restartPolicy"] = "Never",
        ["serviceAccountName"] = options.PreparationServiceAccount,
        ["enableServiceLinks"] = false,
        ["securityContext"] = new JsonObject
        {
            ["runAsNonRoot"] = true,
            ["runAsUser"] = 65532,
            ["runAsGroup"] = 65532,
            ["fsGroup"] = 65532,
            ["seccompProfile"] = new JsonObject { ["type"] = "RuntimeDefault" },
        },
        ["containers"] = new JsonArray(new JsonObject
        {
            ["name"] = "prepare",
            ["image"] = options.PreparationImage,
            ["command"] = new JsonArray("controllers", "prepare"),
            ["args"] = new JsonArray([.. PrepareOptions.Arguments(options, TaskPath, attempt, registry).Select(argument => JsonValue.Create(argument))]),
            ["resources"] = new JsonObject
            {
                ["requests"] = new JsonObject { ["cpu"] = "500m", ["memory"] = "256Mi" },
                ["limits"] = new JsonObject { ["memory"] = options.PreparationMemory },
            },
            ["securityContext"] = new JsonObject
            {
                ["allowPrivilegeEscalation"] = false,
                ["readOnlyRootFilesystem"] = true,
                ["capabilities"] = new JsonObject { ["drop"] = new JsonArray("ALL") },
            },
            ["volumeMounts"] = new JsonArray(
                new JsonObject { ["name"] = "task", ["mountPath"] = TaskPath, ["readOnly"] = true },
                new JsonObject { ["name"] = "tmp", ["mountPath"] = "/tmp" }),
        }),
        ["volumes"] = new JsonArray(
            new JsonObject { ["name"] = "task", ["secret"] = new JsonObject { ["secretName"] = NameFor(model.Uid) } },
            new JsonObject { ["name"] = "tmp", ["emptyDir"] = new JsonObject { ["sizeLimit"] = "64Mi" } }),
    };

    private static JsonObject OwnLabels(ModelObject model) => new()
    {
        [Labels.ManagedBy] = Labels.ManagedByValue,
        [Component] = ComponentValue,
        [Labels.ModelUid] = model.Uid,
    };

    // No owner: a model of another namespace cannot own what is here. Its finalizer takes both away.
    private static JsonObject Metadata(ModelObject model) => new() { ["name"] = NameFor(model.Uid), ["namespace"] = Namespaces.Module, ["labels"] = OwnLabels(model) };
}
