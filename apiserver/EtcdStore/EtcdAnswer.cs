namespace AiModels.EtcdStore;

/// <summary>A response, and whether an earlier attempt of the same call may have been carried out as well.</summary>
internal readonly record struct EtcdAnswer<TResponse>(TResponse Response, bool MayHaveBeenTakenBefore);
