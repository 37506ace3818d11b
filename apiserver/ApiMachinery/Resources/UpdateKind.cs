namespace AiModels.ApiMachinery.Resources;

/// <summary>How an update's new state came about; a few rules differ.</summary>
public enum UpdateKind
{
    /// <summary>PUT: the client sent the whole object and must name the resourceVersion it read.</summary>
    Replace,

    /// <summary>A change computed from the current state, so it can be computed again: patches and in-process writers.</summary>
    Change,

    /// <summary>Server-side apply.</summary>
    Apply,
}
