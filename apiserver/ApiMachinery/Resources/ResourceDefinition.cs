using AiModels.ApiMachinery.Schemas;
using AiModels.ApiMachinery.Tables;

namespace AiModels.ApiMachinery.Resources;

/// <summary>Where a resource's objects live.</summary>
public enum ResourceScope
{
    Cluster,
    Namespaced,
}

/// <summary>Everything the machinery must know about one kind. Routes, discovery, OpenAPI, tables and storage keys are derived from it.</summary>
public sealed record ResourceDefinition
{
    /// <summary>API group; empty for the core group.</summary>
    public required string Group { get; init; }
    public required string Version { get; init; }
    public required string Kind { get; init; }

    /// <summary>Lower-case plural, as in paths.</summary>
    public required string Plural { get; init; }

    /// <summary>Lower-case singular, as kubectl accepts it.</summary>
    public required string Singular { get; init; }
    public IReadOnlyList<string> ShortNames { get; init; } = [];
    public IReadOnlyList<string> Categories { get; init; } = [];
    public required ResourceScope Scope { get; init; }

    /// <summary>The one schema of the kind: validation, pruning, defaulting, apply, explain and OpenAPI all read it.</summary>
    public required Schema Schema { get; init; }

    /// <summary>Whether kubectl get prints the name first. False for the few kinds whose name says nothing (events): theirs is among <see cref="Columns"/>, or nowhere.</summary>
    public bool HasNameColumn { get; init; } = true;

    /// <summary>What kubectl get prints after the name.</summary>
    public IReadOnlyList<TableColumn> Columns { get; init; } = [TableColumn.Age];

    /// <summary>Whether /status exists: then status is written there only, and spec changes raise the generation.</summary>
    public bool HasStatus { get; init; } = true;

    /// <summary>
    /// Whether application/strategic-merge-patch+json is taken and advertised. Custom resources never do (contract P2, O21); the kinds of the stand-in
    /// cluster do, as their originals.
    /// </summary>
    public bool HasStrategicMergePatch { get; init; }

    /// <summary>What is wrong with a name; null for RFC 1123 subdomains.</summary>
    public Func<string, IReadOnlyList<string>>? NameRule { get; init; }

    /// <summary>Behaviour of the kind; null where the schema says it all.</summary>
    public IResourceStrategy? Strategy { get; init; }

    /// <summary>Subresources beside /status.</summary>
    public IReadOnlyList<ISubresource> Subresources { get; init; } = [];

    /// <summary>Fields that fieldSelector knows beside metadata.name and metadata.namespace, as JSON paths ("status.phase").</summary>
    public IReadOnlyList<string> SelectableFields { get; init; } = [];

    public string ApiVersion => Group.Length == 0 ? Version : $"{Group}/{Version}";

    /// <summary>Resource and group as error messages name them: models.ai.deckhouse.io, or pods.</summary>
    public string GroupResource => Group.Length == 0 ? Plural : $"{Plural}.{Group}";

    /// <summary>Kind and group as error messages name them: Model.ai.deckhouse.io, or Pod.</summary>
    public string GroupKind => Group.Length == 0 ? Kind : $"{Kind}.{Group}";
}
