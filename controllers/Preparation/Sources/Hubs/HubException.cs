using System.Net;

namespace AiModels.Controllers.Preparation.Sources.Hubs;

/// <summary>The hub said no. The message is for the user.</summary>
internal sealed class HubException(string message, HttpStatusCode status, bool isRevisionMissing = false) : Exception(message)
{
    public HttpStatusCode Status { get; } = status;

    /// <summary>The repository is there, the revision is not.</summary>
    public bool IsRevisionMissing { get; } = isRevisionMissing;

    /// <summary>Passes by itself: load, or a failure on the hub's side.</summary>
    public bool IsTransient => Status is HttpStatusCode.TooManyRequests or HttpStatusCode.RequestTimeout || (int)Status >= 500;
}
