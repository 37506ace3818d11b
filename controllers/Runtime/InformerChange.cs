namespace AiModels.Controllers.Runtime;

/// <summary>One change of a cached object. Both values are set for a change, one of them for an appearance or a disappearance.</summary>
internal readonly record struct InformerChange<T>(NamespacedName Key, T? Old, T? New)
    where T : class;
