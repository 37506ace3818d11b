namespace AiModels.Controllers.Preparation.Sources.Hubs;

/// <summary>On whose behalf a hub is asked: one preparation's token, and where to put what the hub says to people.</summary>
/// <param name="Token">For the hub alone; null for what is public.</param>
internal sealed record HubAccess(string? Token, HubNotices Notices)
{
    public static HubAccess Anonymous() => new(null, new HubNotices());
}
