using System.Globalization;
using AiModels.ApiMachinery.Errors;
using AiModels.ApiMachinery.Http;
using AiModels.ApiMachinery.Resources;
using AiModels.ApiMachinery.Selectors;
using AiModels.ApiMachinery.Validation;
using Microsoft.AspNetCore.Http;

namespace AiModels.ApiMachinery.Handlers;

/// <summary>The query of a list, a watch or a delete collection (metav1.ListOptions), checked (contract L4, W14).</summary>
internal sealed record ListQuery
{
    // A week, in seconds: timers have a limit, and no client keeps a connection for longer.
    private const long LongestWatch = 7 * 24 * 3600;

    public required LabelSelector Labels { get; init; }
    public required FieldSelector Fields { get; init; }
    public int Limit { get; init; }
    public string Continue { get; init; } = "";
    public string ResourceVersion { get; init; } = "";
    public string Match { get; init; } = "";
    public bool AllowsBookmarks { get; init; }
    public bool? SendsInitialEvents { get; init; }
    public TimeSpan? Timeout { get; init; }

    public bool SelectsAll => Labels.IsEverything && Fields.IsEverything;

    /// <summary>resourceVersion as a number; 0 when it is absent or "0".</summary>
    public long Revision { get; init; }

    public static ListQuery Parse(HttpContext context, RequestInfo info, ResourceDefinition definition)
    {
        IQueryCollection query = context.Request.Query;
        bool isWatch = info.Verb == "watch";
        var options = new ListQuery
        {
            Labels = Selector(() => LabelSelector.Parse(query.First("labelSelector"))),
            Fields = Selector(() => FieldsOf(query.First("fieldSelector"), info, definition)),
            Limit = (int)Math.Min(int.MaxValue, Number(query, "limit")),
            Continue = query.First("continue"),
            ResourceVersion = query.First("resourceVersion"),
            Match = query.First("resourceVersionMatch"),
            AllowsBookmarks = RequestInfo.IsTrue(query, "allowWatchBookmarks"),
            SendsInitialEvents = query.ContainsKey("sendInitialEvents") ? RequestInfo.IsTrue(query, "sendInitialEvents") : null,
            Timeout = query.ContainsKey("timeoutSeconds") ? TimeSpan.FromSeconds(Math.Min(LongestWatch, Number(query, "timeoutSeconds"))) : null,
        };
        List<FieldError> errors = [.. isWatch ? WatchErrors(options) : ListErrors(options)];
        if (errors.Count > 0)
        {
            throw ApiError.InvalidOptions("ListOptions", errors);
        }

        return options with { Revision = RevisionOf(options.ResourceVersion, isWatch) };
    }

    /// <summary>A resourceVersion parameter as a number.</summary>
    public static long RevisionOf(string text, bool isWatchOrGet)
    {
        if (text.Length == 0 || long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long _))
        {
            return text.Length == 0 ? 0 : long.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture);
        }

        string message = $"resourceVersion: Invalid value: {FieldError.Quote(text)}: {GoInteger.Problem("ParseUint", text)}";
        throw isWatchOrGet ? ApiError.Unreasoned(message) : ApiError.BadRequest("invalid resource version: " + message);
    }

    private static IEnumerable<FieldError> ListErrors(ListQuery options)
    {
        if (options.Match.Length > 0)
        {
            if (options.ResourceVersion.Length == 0)
            {
                yield return FieldError.Forbidden("resourceVersionMatch", "resourceVersionMatch is forbidden unless resourceVersion is provided");
            }

            if (options.Continue.Length > 0)
            {
                yield return FieldError.Forbidden("resourceVersionMatch", "resourceVersionMatch is forbidden when continue is provided");
            }

            if (options.Match is not ("Exact" or "NotOlderThan"))
            {
                yield return FieldError.NotSupported("resourceVersionMatch", options.Match, ["Exact", "NotOlderThan", ""]);
            }

            if (options is { Match: "Exact", ResourceVersion: "0" })
            {
                yield return FieldError.Forbidden("resourceVersionMatch", "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"");
            }
        }

        if (options.SendsInitialEvents is not null)
        {
            yield return FieldError.Forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list");
        }
    }

    private static IEnumerable<FieldError> WatchErrors(ListQuery options)
    {
        if (options.SendsInitialEvents is not null && options.Match != "NotOlderThan")
        {
            yield return FieldError.Forbidden("resourceVersionMatch", "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan");
        }

        if (options.Match.Length > 0)
        {
            if (options.SendsInitialEvents is null)
            {
                yield return FieldError.Forbidden("resourceVersionMatch", "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided");
            }

            if (options.Match != "NotOlderThan")
            {
                yield return FieldError.NotSupported("resourceVersionMatch", options.Match, ["NotOlderThan"]);
            }

        }

        // Upstream sets the match itself where a watch begins at the current state, which the text tells of.
        if (options.Continue.Length > 0 && (options.Match.Length > 0 || options.ResourceVersion is "" or "0"))
        {
            yield return FieldError.Forbidden("resourceVersionMatch", "resourceVersionMatch is forbidden when continue is provided");
        }
    }

    // A name in the path (/watch/…/NAME) and one in the selector must be the same (contract W16).
    private static FieldSelector FieldsOf(string text, RequestInfo info, ResourceDefinition definition)
    {
        FieldSelector selector = FieldSelector.Parse(text);
        selector.Check(definition.Scope == ResourceScope.Namespaced, definition.SelectableFields);
        if (!info.IsWatchPath || info.Name.Length == 0)
        {
            return selector;
        }

        if (selector.Name is { } named && named != info.Name)
        {
            throw ApiError.BadRequest("fieldSelector metadata.name doesn't match requested name");
        }

        return FieldSelector.Parse(selector.Name is not null ? text : text.Length == 0 ? "metadata.name=" + info.Name : $"{text},metadata.name={info.Name}");
    }

    private static T Selector<T>(Func<T> parse)
    {
        try
        {
            return parse();
        }
        catch (SelectorFormatException error)
        {
            throw ApiError.BadRequest(error.Message);
        }
    }

    // A negative one means none.
    private static long Number(IQueryCollection query, string name) => query.ContainsKey(name) ? Math.Max(0, GoInteger.Parse(query.First(name))) : 0;
}
