using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Errors;
using AiModels.ApiMachinery.Schemas;
using AiModels.ApiMachinery.Storage;
using AiModels.ApiMachinery.Validation;

namespace AiModels.ApiMachinery.Resources;

/// <summary>Whether a body is about the object that the path names, and about the state of it that the client may change (contract C3, C4, U2-U4, X4).</summary>
internal sealed class Identity(ResourceDefinition definition)
{
    /// <summary>apiVersion and kind must be the definition's.</summary>
    public void CheckType(JsonObject obj, UpdateKind kind)
    {
        foreach (string field in (ReadOnlySpan<string>)["apiVersion", "kind"])
        {
            if (kind == UpdateKind.Change && obj[field] is { } value && value.GetValueKind() != JsonValueKind.String)
            {
                throw ApiError.InvalidPatch(
                    obj, $"couldn't get version/kind; json parse error: json: cannot unmarshal {ObjectMetaShape.GoKind(value)} into Go struct field .{field} of type string");
            }
        }

        string apiVersion = TypeText(obj, "apiVersion"), kindName = TypeText(obj, "kind");
        if (kindName.Length == 0)
        {
            string problem = $"Object 'Kind' is missing in '{ObjectBytes.ToText(obj)}'";
            throw kind == UpdateKind.Change ? ApiError.InvalidPatch(obj, problem) : ApiError.BadRequest(problem);
        }

        if (apiVersion.Length == 0 && kind == UpdateKind.Change)
        {
            throw ApiError.Internal("Object 'apiVersion' is missing in 'object has no apiVersion field'");
        }

        if (apiVersion != definition.ApiVersion)
        {
            // A body of another version is not read at all; a patch that makes it one is an invalid object.
            throw kind == UpdateKind.Change
                ? Mistaken(obj, apiVersion, kindName, FieldError.Invalid("apiVersion", apiVersion, $"must be {definition.ApiVersion}"))
                : ApiError.BadRequest($"the API version in the data ({apiVersion}) does not match the expected API version ({definition.ApiVersion})");
        }

        if (kindName != definition.Kind)
        {
            throw Mistaken(obj, apiVersion, kindName, FieldError.Invalid("kind", kindName, $"must be {definition.Kind}"));
        }
    }

    // Of what the object says it is, not of what it should be.
    private static ApiException Mistaken(JsonObject obj, string apiVersion, string kind, FieldError error)
    {
        string group = apiVersion.Contains('/', StringComparison.Ordinal) ? apiVersion[..apiVersion.IndexOf('/', StringComparison.Ordinal)] : "";
        string name = obj["metadata"] is JsonObject metadata ? ObjectMetadata.Text(metadata, "name") : "";
        return ApiError.Invalid(group.Length == 0 ? kind : $"{kind}.{group}", group, kind, name, [error]);
    }

    /// <summary>Fills the namespace from the path; another one in the body is refused.</summary>
    public void SetNamespace(JsonObject metadata, string @namespace)
    {
        string own = ObjectMetadata.Text(metadata, "namespace");
        string expected = definition.Scope == ResourceScope.Namespaced ? @namespace : "";
        if (own.Length > 0 && own != expected)
        {
            throw ApiError.BadRequest("the namespace of the provided object does not match the namespace sent on the request");
        }

        if (expected.Length > 0)
        {
            metadata["namespace"] = expected;
        }
    }

    /// <summary>Name, namespace, resourceVersion and uid of an update against the stored object.</summary>
    public void CheckUpdate(ObjectKey key, JsonObject metadata, JsonObject stored, UpdateKind kind)
    {
        string name = ObjectMetadata.Text(metadata, "name");
        if (name != key.Name)
        {
            throw ApiError.BadRequest(name.Length == 0
                ? $"the name of the object ({key.Name} based on URL) was undeterminable: name must be provided"
                : $"the name of the object ({name}) does not match the name on the URL ({key.Name})");
        }

        SetNamespace(metadata, key.Namespace);
        string currentVersion = (string)stored["resourceVersion"]!;
        if (kind == UpdateKind.Apply)
        {
            metadata["resourceVersion"] = currentVersion; // An apply that names another one was refused when it was merged.
        }
        else
        {
            CheckVersion(key.Name, ObjectMetadata.Text(metadata, "resourceVersion"), currentVersion);
        }

        string uid = ObjectMetadata.Text(metadata, "uid"), storedUid = ObjectMetadata.Text(stored, "uid");
        if (uid.Length > 0 && uid != storedUid && kind == UpdateKind.Replace)
        {
            throw ApiError.Conflict(definition, key.Name,
                $"StorageError: invalid object, Code: 4, Key: {key}, ResourceVersion: 0, "
                + $"AdditionalErrorMsg: Precondition failed: UID in precondition: {uid}, UID in object meta: {storedUid}");
        }
    }

    /// <summary>Preconditions of a delete.</summary>
    public void CheckPreconditions(string name, JsonObject stored, DeleteOptions options)
    {
        string uid = ObjectMetadata.Text(stored, "uid"), version = ObjectMetadata.Text(stored, "resourceVersion");
        if (options.PreconditionUid is { } wantedUid && wantedUid != uid)
        {
            throw ApiError.PreconditionFailed(definition, name,
                $"the UID in the precondition ({wantedUid}) does not match the UID in record ({uid}). The object might have been deleted and then recreated");
        }

        if (options.PreconditionResourceVersion is { } wanted && wanted != version)
        {
            throw ApiError.PreconditionFailed(definition, name,
                $"the ResourceVersion in the precondition ({wanted}) does not match the ResourceVersion in record ({version}). The object might have been modified");
        }
    }

    /// <summary>The resourceVersion that a client read against the current one.</summary>
    public void CheckVersion(string name, string version, string currentVersion)
    {
        bool isNumber = ulong.TryParse(version, NumberStyles.None, CultureInfo.InvariantCulture, out ulong number);
        if (version.Length == 0 || (isNumber && number == 0))
        {
            throw ApiError.Invalid(definition.GroupResource, definition.Group, definition.Plural, name,
                [FieldError.InvalidRaw("metadata.resourceVersion", "0", "must be specified for an update")]);
        }

        if (version != currentVersion)
        {
            throw isNumber
                ? ApiError.Modified(definition, name)
                : ApiError.Unreasoned($"strconv.ParseUint: parsing {FieldError.Quote(version)}: invalid syntax");
        }
    }

    private static string TypeText(JsonObject obj, string field) => obj[field] is JsonValue value && value.TryGetValue(out string? text) ? text : "";
}
