using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Errors;
using AiModels.ApiMachinery.Storage;
using AiModels.ApiMachinery.Validation;

namespace AiModels.ApiMachinery.Resources;

/// <summary>What create, update, apply and delete of one resource work with, and the steps that they have in common.</summary>
internal sealed class WritePath(ResourceDefinition definition, IObjectStore store, IReadOnlyList<IAdmission> admission, TimeProvider time)
{
    public ResourceDefinition Definition => definition;

    public IObjectStore Store => store;

    public AdmissionChain Admission { get; } = new(definition, admission);

    public KindRules Rules { get; } = new(definition);

    public Identity Identity { get; } = new(definition);

    public DateTimeOffset Now => time.GetUtcNow();

    /// <summary>The store's key of an object of this resource.</summary>
    public ObjectKey KeyOf(string @namespace, string name) =>
        new(definition.Group, definition.Plural, definition.Scope == ResourceScope.Namespaced ? @namespace : "", name);

    /// <summary>Fields that the kind does not have, as the client asked for them to be treated (contract: fieldValidation).</summary>
    public void RefuseOrWarn(JsonObject obj, WriteOptions options, IReadOnlyList<string> unknown, UpdateKind kind = UpdateKind.Replace)
    {
        if (options.FieldValidation == FieldValidation.Ignore || kind == UpdateKind.Apply || (unknown.Count == 0 && options.DecodeErrors.Count == 0))
        {
            return;
        }

        string[] all = [.. options.DecodeErrors, .. unknown];
        if (options.FieldValidation == FieldValidation.Warn)
        {
            Warn(all, options);
        }
        else if (kind == UpdateKind.Change)
        {
            throw ApiError.InvalidPatch(obj, "strict decoding error: " + string.Join(", ", all));
        }
        else
        {
            throw ApiError.BadRequest(
                $"{Definition.Kind} in version \"{Definition.Version}\" cannot be handled as a {Definition.Kind}: strict decoding error: {string.Join(", ", all)}");
        }
    }

    /// <summary>Says sentences to the client, each once.</summary>
    public static void Warn(IEnumerable<string> sentences, WriteOptions options)
    {
        foreach (string sentence in sentences)
        {
            if (!options.Warnings.Contains(sentence))
            {
                options.Warnings.Add(sentence);
            }
        }
    }

    /// <summary>Refuses an object that has errors.</summary>
    public void Throw(IReadOnlyList<FieldError> errors, string name)
    {
        if (errors.Count > 0)
        {
            throw ApiError.Invalid(Definition, name, errors);
        }
    }

    /// <summary>What admission makes of the object, as the schema has it.</summary>
    public async ValueTask<JsonObject> MutateAsync(AdmissionRequest request, CancellationToken cancellationToken)
    {
        if (Admission.IsEmpty)
        {
            return request.Object!;
        }

        JsonObject mutated = await Admission.MutateAsync(request, cancellationToken);
        Rules.PruneAndDefault(mutated);
        return mutated;
    }
}
