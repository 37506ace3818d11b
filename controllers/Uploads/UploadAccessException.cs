namespace AiModels.Controllers.Uploads;

/// <summary>A name that an upload needs is taken by an object of somebody else. The message says which, and what to do.</summary>
internal sealed class UploadAccessException(string message) : Exception(message);
