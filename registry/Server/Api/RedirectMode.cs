namespace AiModels.Registry.Api;

/// <summary>Which clients fetch blobs from the bucket themselves.</summary>
public enum RedirectMode
{
    /// <summary>Nobody: all bytes pass through the registry.</summary>
    Off,

    /// <summary>Those that connect from a private address with no proxy between, so that they can be expected to reach the bucket.</summary>
    Internal,

    /// <summary>Everybody who came by the network.</summary>
    On,
}
