using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using AiModels.Contracts.V1Alpha1;
using AiModels.Contracts.WellKnown;
using AiModels.Controllers.Preparation;
using AiModels.Hosting.Kubernetes;

namespace AiModels.Controllers.Uploads;

/// <summary>
/// What a user needs for an upload: a Secret with URL and token, and a Role that may read this Secret and nothing else (requirement P3).
/// Both belong to the model and go with it. An object of such a name that is not this model's own is never changed and never deleted.
/// </summary>
internal sealed class UploadAccess(IKubernetesClient client)
{
    // By UID: a digest of what was written last, so that an unchanged session costs no write. Lost with the process, which costs one.
    private readonly ConcurrentDictionary<string, string> _written = [];

    /// <summary>
    /// Name of the Secret: NAME-upload, or NAME-clusterupload for a ClusterModel. Models of the module's namespace live beside those of ClusterModels, and no
    /// name of a Model gives what the other ends with.
    /// </summary>
    public static string SecretName(ModelObject model) => Shortened($"{model.Key.Name.Name}-{(IsCluster(model) ? "clusterupload" : "upload")}");

    /// <summary>Name of the Role: ai-model-upload-reader-NAME (requirement P3), or ai-clustermodel-upload-reader-NAME for a ClusterModel.</summary>
    public static string RoleName(ModelObject model) =>
        Shortened($"{(IsCluster(model) ? "ai-clustermodel-upload-reader" : "ai-model-upload-reader")}-{model.Key.Name.Name}");

    /// <summary>Makes Secret and Role say what the session says.</summary>
    /// <exception cref="UploadAccessException">An object of that name is there and is not the model's.</exception>
    public async Task EnsureAsync(ModelObject model, UploadSessionStatus session, CancellationToken cancellationToken)
    {
        string content = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{session.Url}\n{session.Token}")));
        if (_written.TryGetValue(model.Uid, out string? known) && known == content)
        {
            return;
        }

        JsonObject secret = Secret(model, session);
        await WriteAsync(model, ResourceTypes.Secrets, secret, "data", cancellationToken);
        await WriteAsync(model, ResourceTypes.Roles, Role(model), "rules", cancellationToken);
        _written[model.Uid] = content;
    }

    /// <summary>Takes both away. Nothing to take is a success; what is not the model's stays.</summary>
    public async Task RemoveAsync(ModelObject model, CancellationToken cancellationToken)
    {
        _written.TryRemove(model.Uid, out _);
        await RemoveAsync(model, ResourceTypes.Secrets, SecretName(model), cancellationToken);
        await RemoveAsync(model, ResourceTypes.Roles, RoleName(model), cancellationToken);
    }

    private async Task WriteAsync(ModelObject model, ResourceType type, JsonObject body, string field, CancellationToken cancellationToken)
    {
        try
        {
            await client.CreateAsync(type, body, FieldManagers.Controllers, cancellationToken);
        }
        catch (KubernetesApiException e) when (e.IsAlreadyExists)
        {
            string name = (string)body["metadata"]!["name"]!;
            var change = new JsonObject { ["op"] = "replace", ["path"] = $"/{field}", ["value"] = body[field]!.DeepClone() };
            if (await PatchOwnAsync(model, type, name, change, cancellationToken) is null)
            {
                throw new UploadAccessException(
                    $"The {type.Kind} {name} in the namespace {model.HomeNamespace} is needed for the upload, but one is there that does not belong to this model. "
                    + "It is left as it is: delete or rename it.");
            }
        }
    }

    private async Task RemoveAsync(ModelObject model, ResourceType type, string name, CancellationToken cancellationToken)
    {
        try
        {
            if (await PatchOwnAsync(model, type, name, null, cancellationToken) is { } own)
            {
                await client.DeleteAsync(type, model.HomeNamespace, name, (string?)own["metadata"]!["uid"], null, cancellationToken);
            }
        }
        catch (KubernetesApiException e) when (e.StatusCode == 404)
        {
            // Nothing to take.
        }
        catch (KubernetesApiException e) when (e.IsNamespaceTerminating)
        {
            // The namespace goes, and our right to reach its Secrets went before the models did. Kubernetes takes all that is in it.
        }
    }

    /// <summary>
    /// Changes an object only if its labels say that it is the model's, in one step at the server, so that nobody can put another in its place in between.
    /// Null when it is somebody else's.
    /// </summary>
    private async Task<JsonObject?> PatchOwnAsync(ModelObject model, ResourceType type, string name, JsonObject? change, CancellationToken cancellationToken)
    {
        var patch = new JsonArray(Test(Labels.ManagedBy, Labels.ManagedByValue), Test(Labels.ModelUid, model.Uid));
        if (change is not null)
        {
            patch.Add(change);
        }

        try
        {
            return await client.PatchAsync(type, model.HomeNamespace, name, KubernetesPatch.Json, patch, null, FieldManagers.Controllers, cancellationToken);
        }
        catch (KubernetesApiException e) when (e.StatusCode == 422)
        {
            return null;
        }
    }

    private static JsonObject Test(string label, string value) =>
        new() { ["op"] = "test", ["path"] = $"/metadata/labels/{label.Replace("/", "~1", StringComparison.Ordinal)}", ["value"] = value };

    private static bool IsCluster(ModelObject model) => model.Key.Kind == GroupVersion.ClusterModelKind;

    private static JsonObject Secret(ModelObject model, UploadSessionStatus session)
    {
        JsonObject secret = Owned(model, "v1", "Secret", SecretName(model));
        secret["type"] = "Opaque";
        secret["data"] = new JsonObject
        {
            [SecretKeys.UploadUrl] = Convert.ToBase64String(Encoding.UTF8.GetBytes(session.Url ?? "")),
            [SecretKeys.UploadToken] = Convert.ToBase64String(Encoding.UTF8.GetBytes(session.Token ?? "")),
        };
        return secret;
    }

    private static JsonObject Role(ModelObject model)
    {
        JsonObject role = Owned(model, ResourceTypes.Roles.ApiVersion, "Role", RoleName(model));
        role["rules"] = new JsonArray(new JsonObject
        {
            ["apiGroups"] = new JsonArray(""),
            ["resources"] = new JsonArray("secrets"),
            ["resourceNames"] = new JsonArray(SecretName(model)),
            ["verbs"] = new JsonArray("get"),
        });
        return role;
    }

    private static JsonObject Owned(ModelObject model, string apiVersion, string kind, string name) => new()
    {
        ["apiVersion"] = apiVersion,
        ["kind"] = kind,
        ["metadata"] = new JsonObject
        {
            ["name"] = name,
            ["namespace"] = model.HomeNamespace,
            ["labels"] = new JsonObject { [Labels.ManagedBy] = Labels.ManagedByValue, [Labels.ModelUid] = model.Uid },
            ["ownerReferences"] = new JsonArray(new JsonObject
            {
                ["apiVersion"] = GroupVersion.ApiVersion,
                ["kind"] = model.Key.Kind,
                ["name"] = model.Key.Name.Name,
                ["uid"] = model.Uid,
                ["controller"] = true,
            }),
        },
    };

    /// <summary>Names have at most 253 characters; what is cut off is replaced by a digest.</summary>
    private static string Shortened(string name) => name.Length <= 253
        ? name
        : $"{name[..236].TrimEnd('.', '-')}-{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(name)).AsSpan(0, 8))}";
}
