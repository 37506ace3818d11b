namespace AiModels.ApiMachinery.OpenApi;

/// <summary>Query parameters of the verbs (contract O23). kubectl decides by them what the server can do (O19, O20).</summary>
internal static class QueryParameters
{
    public static readonly (string Name, string Type, string Description) Pretty =
        ("pretty", "string", "true: indent the answer.");

    public static readonly (string Name, string Type, string Description)[] List =
    [
        ("allowWatchBookmarks", "boolean", "Whether a watch may send bookmarks."),
        ("continue", "string", "Token of the previous page."),
        ("fieldSelector", "string", "Restricts the objects by their fields."),
        ("labelSelector", "string", "Restricts the objects by their labels."),
        ("limit", "integer", "At most so many objects a page."),
        ("resourceVersion", "string", "Which version to answer from; see resourceVersionMatch."),
        ("resourceVersionMatch", "string", "How resourceVersion is meant: Exact or NotOlderThan."),
        ("sendInitialEvents", "boolean", "Whether a watch begins with the objects that exist."),
        ("timeoutSeconds", "integer", "When the server ends the request."),
        ("watch", "boolean", "Sends changes as they happen instead of a list."),
    ];

    public static readonly (string Name, string Type, string Description)[] Write =
    [
        ("dryRun", "string", "All: go through everything but storing."),
        ("fieldManager", "string", "Who is writing, for managedFields."),
        ("fieldValidation", "string", "What becomes of unknown and duplicate fields: Ignore, Warn (default) or Strict."),
    ];

    public static readonly (string Name, string Type, string Description)[] Patch =
    [
        .. Write,
        ("force", "boolean", "Takes over fields of other managers when applying."),
    ];

    public static readonly (string Name, string Type, string Description)[] Delete =
    [
        ("dryRun", "string", "All: go through everything but storing."),
        ("gracePeriodSeconds", "integer", "Seconds that the object may take to end; 0 at once."),
        ("ignoreStoreReadErrorWithClusterBreakingPotential", "boolean", "Not used by this server."),
        ("orphanDependents", "boolean", "Old form of propagationPolicy."),
        ("propagationPolicy", "string", "What becomes of dependents: Orphan, Background or Foreground."),
    ];
}
