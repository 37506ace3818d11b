using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Apply;
using AiModels.ApiMachinery.Errors;
using AiModels.ApiMachinery.Schemas;
using AiModels.ApiMachinery.Validation;

namespace AiModels.ApiMachinery.Resources;

/// <summary>What the order of a write asks of a kind's schema, in one place.</summary>
internal sealed class KindRules(ResourceDefinition definition)
{
    private readonly FieldManager _fields = new(definition);

    /// <summary>Removes fields the schema does not know and adds defaults; says what it removed, as in <c>unknown field "spec.x"</c> (contract V5, V8).</summary>
    public IReadOnlyList<string> PruneAndDefault(JsonObject obj)
    {
        IReadOnlyList<string> removed = SchemaPruner.Prune(definition.Schema, obj);
        SchemaDefaulter.Apply(definition.Schema, obj);
        return removed.Count == 0 ? [] : [.. removed.Select(path => $"unknown field \"{path}\"")];
    }

    /// <summary>Whether metadata has the shape of metadata, without which nothing else can read it; 400 otherwise, 422 for a patch (contract V6).</summary>
    public void CheckShape(JsonObject obj, UpdateKind kind = UpdateKind.Replace)
    {
        if (ObjectMetaShape.Check(obj) is { } problem)
        {
            throw kind == UpdateKind.Change ? ApiError.InvalidPatch(obj, problem) : ApiError.BadRequest(
                $"{definition.Kind} in version \"{definition.Version}\" cannot be handled as a {definition.Kind}: {problem}");
        }
    }

    /// <summary>All rules of a new state; <paramref name="previous"/> is null on create.</summary>
    public IReadOnlyList<FieldError> Validate(JsonObject current, JsonObject? previous, bool isStatus)
    {
        List<FieldError> errors = [];
        if (!isStatus)
        {
            errors.AddRange(ObjectMetaRules.Validate(current, definition.Scope == ResourceScope.Namespaced, definition.NameRule));
        }

        if (previous is not null)
        {
            errors.AddRange(ObjectMetaRules.ValidateUpdate(current, previous));
        }

        errors.AddRange(SchemaValidator.Validate(definition.Schema, current));
        if (definition.Strategy is { } strategy)
        {
            errors.AddRange(isStatus ? strategy.ValidateStatus(current, previous!) : strategy.Validate(current, previous));
        }

        return errors;
    }

    /// <summary>Sentences for Warning headers.</summary>
    public IEnumerable<string> Warnings(JsonObject current, JsonObject? previous) =>
        ObjectMetaRules.Warnings(current).Concat(definition.Strategy?.Warn(current, previous) ?? []);

    /// <summary>Records in metadata.managedFields what <paramref name="manager"/> changed (contract M5-M11).</summary>
    public void Track(JsonObject? live, JsonObject updated, string manager, string subresource, DateTimeOffset now) =>
        _fields.Update(live, updated, manager, subresource, now);

    /// <summary>Server-side apply: merges an applied configuration into the live object, managedFields included (contract M20-M32).</summary>
    public JsonObject Apply(JsonObject? live, JsonObject applied, WriteOptions options, string subresource, DateTimeOffset now)
    {
        try
        {
            return _fields.Apply(live, applied, options.FieldManager, options.Force, subresource, now);
        }
        catch (ApplyException error)
        {
            throw error.Problem switch
            {
                ApplyProblem.BadRequest => ApiError.BadRequest(error.Message),
                ApplyProblem.NotInSchema => ApiError.Unreasoned(error.Message),
                _ => ApiError.ApplyConflict(error.Message, error.Conflicts.Select(conflict => (conflict.Message, conflict.Field))),
            };
        }
    }
}
