namespace AiModels.EtcdStore;

/// <summary>What a member's version says about its behaviour.</summary>
internal static class EtcdVersion
{
    /// <summary>Whether an answer to a request for progress comes after the events it speaks of: since 3.4.31, 3.5.13 and 3.6.</summary>
    public static bool TellsProgressTruly(string version) =>
        Version.TryParse(version.Split('-')[0], out Version? parsed)
        && (parsed.Major, parsed.Minor) switch
        {
            (3, 4) => parsed.Build >= 31,
            (3, 5) => parsed.Build >= 13,
            (3, < 4) => false,
            _ => true,
        };
}
