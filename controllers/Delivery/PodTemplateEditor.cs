using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using AiModels.Contracts.WellKnown;

namespace AiModels.Controllers.Delivery;

/// <summary>
/// What we want of a Pod template, as an apply patch: our fields and the keys that lead to them, nothing of the user's (requirements D2, D9). Pure.
/// </summary>
internal static class PodTemplateEditor
{
    private static readonly string[] ContainerLists = ["containers", "initContainers"];
    private static readonly JsonSerializerOptions Json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The patch; null when there is nothing of ours in the template.</summary>
    /// <param name="template">The live template: its containers are the ones to mount into.</param>
    /// <param name="plan">What is delivered, or null.</param>
    /// <param name="volumes">The plan's volumes.</param>
    /// <param name="gated">Whether the gate is on.</param>
    public static JsonObject? Patch(JsonObject template, DeliveryPlan? plan, VolumeSet? volumes, bool gated)
    {
        var spec = new JsonObject();
        if (gated)
        {
            spec["schedulingGates"] = new JsonArray(SchedulingGate.Item());
        }

        if (plan is not null && volumes is not null)
        {
            spec["volumes"] = new JsonArray([.. volumes.Volumes.Select(volume => volume.DeepClone())]);
            foreach (string list in ContainerLists)
            {
                JsonNode?[] containers = [.. Containers(template, list).Select(container => ContainerPatch(container, plan, volumes))];
                if (containers.Length > 0)
                {
                    spec[list] = new JsonArray(containers);
                }
            }
        }

        return spec.Count == 0 ? null : new JsonObject { ["spec"] = spec };
    }

    /// <summary>Why the plan cannot be put into this template, or null. Looks at the user's part only.</summary>
    public static string? Conflict(JsonObject template, IEnumerable<string> modelNames)
    {
        foreach (string list in ContainerLists)
        {
            foreach (JsonObject container in Containers(template, list))
            {
                if (MountConflict(container, modelNames) is { } conflict)
                {
                    return $"container '{(string?)container["name"]}' {conflict}";
                }
            }
        }

        return null;
    }

    /// <summary>Whether every container has all that the plan gives it: a Pod made from this template cannot miss a model.</summary>
    /// <param name="concerns">Which containers are looked at; all, when it is null.</param>
    public static bool IsComplete(JsonObject template, VolumeSet volumes, Func<JsonObject, bool>? concerns = null)
    {
        var names = Items(template["spec"]?["volumes"]).Select(volume => (string?)volume["name"]).ToHashSet();
        return volumes.Volumes.All(volume => names.Contains((string?)volume["name"]))
            && ContainerLists.SelectMany(list => Containers(template, list)).Where(concerns ?? (_ => true)).All(container =>
            {
                var mounts = Items(container["volumeMounts"])
                    .Select(mount => ((string?)mount["name"], (string?)mount["mountPath"], (string?)mount["subPath"])).ToHashSet();
                return volumes.Mounts.All(mount => mounts.Contains((mount.VolumeName, MountPaths.Of(mount.ModelName), mount.SubPath)));
            });
    }

    private static JsonObject ContainerPatch(JsonObject container, DeliveryPlan plan, VolumeSet volumes) => new()
    {
        ["name"] = (string?)container["name"],
        ["env"] = new JsonArray(
            new JsonObject { ["name"] = EnvironmentVariables.ModelsDirectory, ["value"] = MountPaths.Models },
            new JsonObject { ["name"] = EnvironmentVariables.Models, ["value"] = ModelsVariable(plan) }),
        ["volumeMounts"] = new JsonArray([.. volumes.Mounts.Select(Mount)]),
    };

    private static JsonNode Mount(ModelMount mount)
    {
        var item = new JsonObject { ["name"] = mount.VolumeName, ["mountPath"] = MountPaths.Of(mount.ModelName), ["readOnly"] = true };
        if (mount.SubPath is not null)
        {
            item["subPath"] = mount.SubPath;
        }

        return item;
    }

    /// <summary>AI_MODELS_MODELS: a JSON array of name, path, digest, family.</summary>
    private static string ModelsVariable(DeliveryPlan plan) => new JsonArray([.. plan.Models.Select(model => new JsonObject
    {
        ["name"] = model.Name,
        ["path"] = MountPaths.Of(model.Name),
        ["digest"] = model.Digest,
        ["family"] = model.Family ?? "",
    })]).ToJsonString(Json);

    private static string? MountConflict(JsonObject container, IEnumerable<string> modelNames)
    {
        foreach (JsonObject mount in Items(container["volumeMounts"]).Concat(Items(container["volumeDevices"])))
        {
            string path = ((string?)mount["mountPath"] ?? (string?)mount["devicePath"] ?? "").TrimEnd('/');
            bool isOurs = ((string?)mount["name"] ?? "").StartsWith(VolumeSet.NamePrefix, StringComparison.Ordinal);
            if (!isOurs && modelNames.FirstOrDefault(name => IsAtOrBelow(path, MountPaths.Of(name))) is { } taken)
            {
                return $"mounts a volume of its own at {path}, which is the place of model '{taken}'";
            }
        }

        foreach (JsonObject variable in Items(container["env"]))
        {
            if ((string?)variable["name"] == EnvironmentVariables.ModelsDirectory && (string?)variable["value"] != MountPaths.Models)
            {
                return $"sets {EnvironmentVariables.ModelsDirectory} itself; the variable belongs to model delivery";
            }
        }

        return null;
    }

    private static bool IsAtOrBelow(string path, string folder) => path == folder || path.StartsWith(folder + "/", StringComparison.Ordinal);

    private static IEnumerable<JsonObject> Containers(JsonObject template, string list) => Items(template["spec"]?[list]).Where(container => container["name"] is not null);

    private static IEnumerable<JsonObject> Items(JsonNode? list) => (list as JsonArray)?.OfType<JsonObject>() ?? [];
}
