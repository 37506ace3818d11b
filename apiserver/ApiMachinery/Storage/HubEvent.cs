namespace AiModels.ApiMachinery.Storage;

/// <summary>A committed event with its key as text, which is matched against watchers' prefixes.</summary>
public readonly record struct HubEvent(string Path, StoreEvent Event);
