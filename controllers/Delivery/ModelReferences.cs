using System.Text.Json.Nodes;
using AiModels.Contracts.V1Alpha1;
using AiModels.Contracts.WellKnown;

namespace AiModels.Controllers.Delivery;

/// <summary>One model that a workload asks for.</summary>
/// <param name="Kind">Model or ClusterModel.</param>
internal sealed record ModelReference(string Kind, string Name)
{
    public override string ToString() => $"{Kind} {Name}";
}

/// <summary>
/// What the two annotations on a workload's own metadata ask for (requirement D1). Names are unique within a workload across both annotations,
/// because the folder in the container is named after the model.
/// </summary>
internal sealed record ModelReferences(IReadOnlyList<ModelReference> Models, IReadOnlyList<string> Errors)
{
    /// <summary>Nothing is asked for.</summary>
    public bool IsEmpty => Models.Count == 0 && Errors.Count == 0;

    public static ModelReferences Of(JsonObject workload)
    {
        JsonObject? annotations = workload["metadata"]?["annotations"] as JsonObject;
        return Parse((string?)annotations?[Annotations.Model], (string?)annotations?[Annotations.ClusterModel]);
    }

    /// <summary>Reads the values; a null value is an absent annotation. All errors are collected, in words.</summary>
    public static ModelReferences Parse(string? models, string? clusterModels)
    {
        var references = new List<ModelReference>();
        var errors = new List<string>();
        Read(Annotations.Model, GroupVersion.ModelKind, models, references, errors);
        Read(Annotations.ClusterModel, GroupVersion.ClusterModelKind, clusterModels, references, errors);
        foreach (IGrouping<string, ModelReference> same in references.GroupBy(reference => reference.Name).Where(group => group.Count() > 1))
        {
            errors.Add($"the name '{same.Key}' is used {same.Count()} times, but models are mounted by name: each may be named once");
        }

        return new ModelReferences(references, errors);
    }

    private static void Read(string annotation, string kind, string? value, List<ModelReference> references, List<string> errors)
    {
        if (value is null)
        {
            return;
        }

        string[] names = value.Split(',', StringSplitOptions.TrimEntries);
        if (names is [""])
        {
            errors.Add($"the annotation {annotation} is empty: want names of models, separated by commas");
            return;
        }

        foreach (string name in names)
        {
            if (!ObjectName.IsValid(name))
            {
                errors.Add($"the annotation {annotation} has '{name}', which is no name of a {kind}");
            }
            else
            {
                references.Add(new ModelReference(kind, name));
            }
        }
    }
}
