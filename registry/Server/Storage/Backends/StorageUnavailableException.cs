namespace AiModels.Registry.Storage.Backends;

/// <summary>The medium does not answer, or asks to be left alone for a while; trying again later may help.</summary>
internal sealed class StorageUnavailableException(string message, Exception? inner = null) : IOException(message, inner);
