using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Resources;
using AiModels.ApiMachinery.Schemas;

namespace AiModels.ApiMachinery.OpenApi;

/// <summary>Collects the paths and definitions of a document, resource by resource (contract O17-O25).</summary>
internal sealed class OpenApiBuilder
{
    private const string JsonPatch = "application/json-patch+json", MergePatch = "application/merge-patch+json";
    private const string StrategicMergePatch = "application/strategic-merge-patch+json", ApplyPatch = "application/apply-patch+yaml";
    private readonly OpenApiDialect _dialect;

    public OpenApiBuilder(OpenApiDialect dialect)
    {
        _dialect = dialect;
        var schemas = new OpenApiSchemas(dialect, hasPatchStrategy: true);
        foreach ((string name, Schema schema) in SharedDefinitions.All)
        {
            Definitions[dialect.Meta(name)] = schemas.WriteInline(schema);
        }
    }

    public JsonObject Paths { get; } = [];

    public JsonObject Definitions { get; } = [];

    public static JsonObject BearerToken() => new()
    {
        ["type"] = "apiKey",
        ["name"] = "authorization",
        ["in"] = "header",
        ["description"] = "Bearer token",
    };

    public void Add(ResourceDefinition resource)
    {
        AddKind(resource);
        bool isNamespaced = resource.Scope == ResourceScope.Namespaced;
        string root = OpenApiNames.RootPath(resource);
        string collection = $"{root}/{(isNamespaced ? "namespaces/{namespace}/" : "")}{resource.Plural}";
        if (isNamespaced)
        {
            Path($"{root}/{resource.Plural}", hasNamespace: false, hasName: false)["get"] =
                List(resource, resource.Kind + "ForAllNamespaces");
        }

        string target = (isNamespaced ? "Namespaced" : "") + resource.Kind;
        JsonObject collectionPath = Path(collection, isNamespaced, hasName: false);
        collectionPath["get"] = List(resource, target);
        collectionPath["post"] = Create(resource, target);
        collectionPath["delete"] = DeleteCollection(resource, target);

        JsonObject item = Path(collection + "/{name}", isNamespaced, hasName: true);
        item["get"] = Read(resource, target);
        item["put"] = Replace(resource, target);
        item["patch"] = Patch(resource, target);
        item["delete"] = Delete(resource, target);
        if (resource.HasStatus)
        {
            JsonObject status = Path(collection + "/{name}/status", isNamespaced, hasName: true);
            status["get"] = Read(resource, target + "Status");
            status["put"] = Replace(resource, target + "Status");
            status["patch"] = Patch(resource, target + "Status");
        }

        AddWatches(resource, root, isNamespaced, target);
        foreach (ISubresource subresource in resource.Subresources)
        {
            AddSubresource(resource, subresource, Path($"{collection}/{{name}}/{subresource.Name}", isNamespaced, hasName: true), target);
        }
    }

    // Deprecated, and still published upstream: ?watch=true on the collection is what everybody uses (contract O24).
    private void AddWatches(ResourceDefinition resource, string root, bool isNamespaced, string target)
    {
        string collection = $"{root}/watch/{(isNamespaced ? "namespaces/{namespace}/" : "")}{resource.Plural}";
        if (isNamespaced)
        {
            Path($"{root}/watch/{resource.Plural}", hasNamespace: false, hasName: false)["get"] = Watch(resource, resource.Kind + "ListForAllNamespaces", "watchlist");
        }

        Path(collection, isNamespaced, hasName: false)["get"] = Watch(resource, target + "List", "watchlist");
        Path(collection + "/{name}", isNamespaced, hasName: true)["get"] = Watch(resource, target, "watch");
    }

    private JsonObject Watch(ResourceDefinition resource, string target, string action)
    {
        JsonObject operation = Operation(
            resource, "watch" + OpenApiNames.Operation(resource) + target, action, resource.Kind,
            $"watch changes to objects of kind {resource.Kind}. deprecated: use the 'watch' parameter with a list operation instead.", QueryParameters.List);
        _dialect.AddResponses(operation, _dialect.Meta("WatchEvent"), isStream: true, ("200", "OK"));
        return operation;
    }

    private void AddKind(ResourceDefinition resource)
    {
        string kind = OpenApiNames.Definition(resource, resource.Kind);
        AddDefinition(resource, kind, resource.Kind, resource.Schema);
        var list = new JsonObject
        {
            ["description"] = $"A list of objects of kind {resource.Kind}.",
            ["type"] = "object",
            ["required"] = new JsonArray("items"),
            ["properties"] = new JsonObject
            {
                ["apiVersion"] = new JsonObject { ["type"] = "string", ["description"] = StandardSchemas.ApiVersion.Description },
                ["items"] = new JsonObject { ["type"] = "array", ["items"] = _dialect.Reference(kind), ["description"] = "The objects." },
                ["kind"] = new JsonObject { ["type"] = "string", ["description"] = StandardSchemas.Kind.Description },
                ["metadata"] = _dialect.Reference(_dialect.Meta("ListMeta")),
            },
            ["x-kubernetes-group-version-kind"] = new JsonArray(GroupVersionKind(resource, resource.Kind + "List")),
        };
        Definitions[kind + "List"] = list;
    }

    private void AddDefinition(ResourceDefinition resource, string name, string kind, Schema schema)
    {
        JsonObject definition = new OpenApiSchemas(_dialect, resource.HasStrategicMergePatch).WriteInline(schema);
        definition["x-kubernetes-group-version-kind"] = new JsonArray(GroupVersionKind(resource, kind));
        Definitions[name] = definition;
    }

    private void AddSubresource(ResourceDefinition resource, ISubresource subresource, JsonObject path, string target)
    {
        string definition = OpenApiNames.Definition(resource, subresource.Kind);
        if (!Definitions.ContainsKey(definition))
        {
            AddDefinition(resource, definition, subresource.Kind, subresource.Schema);
        }

        foreach (string verb in subresource.Verbs)
        {
            (string? method, string action, string word) = verb switch
            {
                "get" => ("get", "get", "read"),
                "create" => ("post", "post", "create"),
                "update" => ("put", "put", "replace"),
                "patch" => ("patch", "patch", "patch"),
                "delete" => ("delete", "delete", "delete"),
                _ => (null, "", ""), // watch is GET with ?watch=true
            };
            if (method is null)
            {
                continue;
            }

            JsonObject operation = Operation(
                resource, word + OpenApiNames.Operation(resource) + target + OpenApiNames.Title(subresource.Name), action, subresource.Kind,
                $"{word} {subresource.Name} of the specified {resource.Kind}", []);
            if (action is "post" or "put" or "patch")
            {
                // Long-running bodies are bytes, not documents of the kind.
                bool isStream = subresource.LongRunningVerbs.Contains(verb);
                _dialect.AddBody(operation, isStream ? _dialect.Meta("Patch") : definition, null, isRequired: isStream);
            }

            _dialect.AddResponses(operation, definition, isStream: false, [("200", "OK"), .. action == "post" ? new[] { ("201", "Created") } : []]);
            path[method] = operation;
        }
    }

    private JsonObject List(ResourceDefinition resource, string target)
    {
        JsonObject operation = Operation(
            resource, "list" + OpenApiNames.Operation(resource) + target, "list", resource.Kind, $"list or watch objects of kind {resource.Kind}", QueryParameters.List);
        _dialect.AddResponses(operation, OpenApiNames.Definition(resource, resource.Kind) + "List", isStream: true, ("200", "OK"));
        return operation;
    }

    private JsonObject Create(ResourceDefinition resource, string target)
    {
        JsonObject operation = Operation(
            resource, "create" + OpenApiNames.Operation(resource) + target, "post", resource.Kind, $"create a {resource.Kind}", QueryParameters.Write);
        string definition = OpenApiNames.Definition(resource, resource.Kind);
        _dialect.AddBody(operation, definition, null, isRequired: true);
        _dialect.AddResponses(operation, definition, isStream: false, ("200", "OK"), ("201", "Created"), ("202", "Accepted"));
        return operation;
    }

    private JsonObject Read(ResourceDefinition resource, string target)
    {
        JsonObject operation = Operation(
            resource, "read" + OpenApiNames.Operation(resource) + target, "get", resource.Kind, $"read the specified {resource.Kind}", []);
        _dialect.AddResponses(operation, OpenApiNames.Definition(resource, resource.Kind), isStream: false, ("200", "OK"));
        return operation;
    }

    private JsonObject Replace(ResourceDefinition resource, string target)
    {
        JsonObject operation = Operation(
            resource, "replace" + OpenApiNames.Operation(resource) + target, "put", resource.Kind, $"replace the specified {resource.Kind}", QueryParameters.Write);
        string definition = OpenApiNames.Definition(resource, resource.Kind);
        _dialect.AddBody(operation, definition, null, isRequired: true);
        _dialect.AddResponses(operation, definition, isStream: false, ("200", "OK"), ("201", "Created"));
        return operation;
    }

    private JsonObject Patch(ResourceDefinition resource, string target)
    {
        JsonObject operation = Operation(
            resource, "patch" + OpenApiNames.Operation(resource) + target, "patch", resource.Kind, $"partially update the specified {resource.Kind}", QueryParameters.Patch);
        string[] mediaTypes = resource.HasStrategicMergePatch
            ? [JsonPatch, MergePatch, StrategicMergePatch, ApplyPatch]
            : [JsonPatch, MergePatch, ApplyPatch];
        _dialect.AddBody(operation, _dialect.Meta("Patch"), mediaTypes, isRequired: true);
        _dialect.AddResponses(operation, OpenApiNames.Definition(resource, resource.Kind), isStream: false, ("200", "OK"), ("201", "Created"));
        return operation;
    }

    private JsonObject Delete(ResourceDefinition resource, string target)
    {
        JsonObject operation = Operation(
            resource, "delete" + OpenApiNames.Operation(resource) + target, "delete", resource.Kind, $"delete a {resource.Kind}", QueryParameters.Delete);
        _dialect.AddBody(operation, _dialect.Meta("DeleteOptions"), null, isRequired: false);
        _dialect.AddResponses(operation, _dialect.Meta("Status"), isStream: false, ("200", "OK"), ("202", "Accepted"));
        return operation;
    }

    private JsonObject DeleteCollection(ResourceDefinition resource, string target)
    {
        JsonObject operation = Operation(
            resource, "delete" + OpenApiNames.Operation(resource) + "Collection" + target, "deletecollection", resource.Kind, $"delete a collection of {resource.Kind}",
            [.. QueryParameters.Delete, .. QueryParameters.List.Where(parameter => parameter.Name is not ("watch" or "allowWatchBookmarks"))]);
        _dialect.AddBody(operation, _dialect.Meta("DeleteOptions"), null, isRequired: false);
        _dialect.AddResponses(operation, _dialect.Meta("Status"), isStream: false, ("200", "OK"));
        return operation;
    }

    private JsonObject Operation(
        ResourceDefinition resource, string id, string action, string kind, string description, (string Name, string Type, string Description)[] parameters) => new()
        {
            ["tags"] = new JsonArray(OpenApiNames.Tag(resource)),
            ["description"] = description,
            ["operationId"] = id,
            ["parameters"] = new JsonArray([.. parameters.Select(p => _dialect.Parameter(p.Name, "query", p.Type, p.Description))]),
            ["x-kubernetes-action"] = action,
            ["x-kubernetes-group-version-kind"] = GroupVersionKind(resource, kind),
        };

    private JsonObject Path(string path, bool hasNamespace, bool hasName)
    {
        var parameters = new JsonArray();
        if (hasName)
        {
            parameters.Add(_dialect.Parameter("name", "path", "string", "Name of the object."));
        }

        if (hasNamespace)
        {
            parameters.Add(_dialect.Parameter("namespace", "path", "string", "Namespace of the object."));
        }

        (string name, string type, string description) = QueryParameters.Pretty;
        parameters.Add(_dialect.Parameter(name, "query", type, description));
        var item = new JsonObject { ["parameters"] = parameters };
        Paths[path] = item;
        return item;
    }

    private static JsonObject GroupVersionKind(ResourceDefinition resource, string kind) => new()
    {
        ["group"] = resource.Group,
        ["version"] = resource.Version,
        ["kind"] = kind,
    };
}
