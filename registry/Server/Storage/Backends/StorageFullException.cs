namespace AiModels.Registry.Storage.Backends;

/// <summary>The medium has no room for a write. Nothing of it is kept.</summary>
internal sealed class StorageFullException(string message, Exception? inner = null) : IOException(message, inner);
