using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Resources;
using AiModels.ApiMachinery.Validation;

namespace AiModels.ApiMachinery.Errors;

/// <summary>
/// Every error the API answers with, in upstream's words (k8s.io/apimachinery/pkg/api/errors; contract E4). Clients key on reason, code and some on the text,
/// so nothing else builds a Status.
/// </summary>
public static class ApiError
{
    /// <summary>404: there is no such object.</summary>
    public static ApiException NotFound(ResourceDefinition resource, string name) => NotFound(resource.Group, resource.Plural, name);

    public static ApiException NotFound(string group, string plural, string name) =>
        Make(404, "NotFound", $"{GroupResource(group, plural)} \"{name}\" not found", Details(name, group, plural));

    /// <summary>404 for a path inside a served group version that nothing answers (contract E3).</summary>
    public static ApiException PathNotFound() => Make(404, "NotFound", "the server could not find the requested resource", []);

    /// <summary>409: the name is taken.</summary>
    public static ApiException AlreadyExists(ResourceDefinition resource, string name, bool isTerminating = false) =>
        Make(409, "AlreadyExists", (isTerminating ? "object is being deleted: " : "") + $"{resource.GroupResource} \"{name}\" already exists",
            Details(name, resource.Group, resource.Plural));

    /// <summary>409: every generated name was taken; the client should try again.</summary>
    public static ApiException GenerateNameConflict(ResourceDefinition resource, string name)
    {
        JsonObject details = Details(name, resource.Group, resource.Plural);
        details["retryAfterSeconds"] = 1;
        return Make(409, "AlreadyExists",
            $"{resource.GroupResource} \"{name}\" already exists, the server was not able to generate a unique name for the object", details);
    }

    /// <summary>409: the object is not in the state the client thought.</summary>
    public static ApiException Conflict(ResourceDefinition resource, string name, string why) =>
        Make(409, "Conflict", $"Operation cannot be fulfilled on {resource.GroupResource} \"{name}\": {why}", Details(name, resource.Group, resource.Plural));

    /// <summary>409: the resourceVersion sent is not the current one.</summary>
    public static ApiException Modified(ResourceDefinition resource, string name) =>
        Conflict(resource, name, "the object has been modified; please apply your changes to the latest version and try again");

    /// <summary>409: a delete's precondition does not hold; names the kind, not the resource (contract X4).</summary>
    public static ApiException PreconditionFailed(ResourceDefinition resource, string name, string why) =>
        Make(409, "Conflict", $"Operation cannot be fulfilled on {resource.GroupKind} \"{name}\": {why}", Details(name, resource.Group, resource.Kind));

    /// <summary>409 of server-side apply: fields owned by others (contract M30). Causes are (manager text, field).</summary>
    public static ApiException ApplyConflict(string message, IEnumerable<(string Message, string Field)> conflicts)
    {
        JsonArray causes = [];
        foreach ((string text, string field) in conflicts)
        {
            causes.Add(new JsonObject { ["reason"] = "FieldManagerConflict", ["message"] = text, ["field"] = field });
        }

        return Make(409, "Conflict", message, new JsonObject { ["causes"] = causes });
    }

    /// <summary>422: the object's fields are wrong.</summary>
    public static ApiException Invalid(ResourceDefinition resource, string name, IReadOnlyList<FieldError> errors) =>
        Invalid(resource.GroupKind, resource.Group, resource.Kind, name, errors);

    /// <summary>422 of an options type: <c>ListOptions.meta.k8s.io "" is invalid: …</c> (contract L4, V1, P8).</summary>
    public static ApiException InvalidOptions(string kind, IReadOnlyList<FieldError> errors) =>
        Invalid(kind + ".meta.k8s.io", "meta.k8s.io", kind, "", errors);

    /// <summary>422 whose subject is not a kind: <paramref name="subject"/> is printed as given.</summary>
    public static ApiException Invalid(string subject, string group, string kind, string name, IReadOnlyList<FieldError> errors)
    {
        List<string> texts = [.. errors.Select(error => error.ToString()).Distinct(StringComparer.Ordinal)];
        string list = texts.Count == 1 ? texts[0] : "[" + string.Join(", ", texts) + "]";
        JsonObject details = Details(name, group, kind);
        details["causes"] = new JsonArray(
            [.. errors.Select(error => new JsonObject { ["reason"] = error.CauseReason, ["message"] = error.Body, ["field"] = error.Path })]);
        return Make(422, "Invalid", $"{subject} \"{name}\" is invalid: {list}", details);
    }

    /// <summary>422: what a patch makes of the object cannot be read (contract V6). Shows the patched object.</summary>
    public static ApiException InvalidPatch(JsonObject patched, string problem) =>
        Invalid("", "", "", "", [FieldError.Invalid("patch", ObjectBytes.ToText(Sorted(patched)!), problem)]);

    /// <summary>422 without a subject: what a JSON patch that cannot be carried out answers (contract P4).</summary>
    public static ApiException Unprocessable() =>
        Make(422, "Invalid", "the server rejected our request due to an error in our request", []);

    public static ApiException BadRequest(string message) => Make(400, "BadRequest", message);

    /// <summary>403 with the resource (and name) in front.</summary>
    public static ApiException Forbidden(ResourceDefinition resource, string name, string why) =>
        Forbidden(resource.Group, resource.Plural, name, why);

    public static ApiException Forbidden(string group, string plural, string name, string why)
    {
        string subject = GroupResource(group, plural);
        return Make(403, "Forbidden", name.Length == 0 ? $"{subject} is forbidden: {why}" : $"{subject} \"{name}\" is forbidden: {why}", Details(name, group, plural));
    }

    /// <summary>403 on a path that is no resource.</summary>
    public static ApiException ForbiddenPath(string why) => Make(403, "Forbidden", "forbidden: " + why, []);

    /// <summary>403: creating in a namespace that is going away (contract G2).</summary>
    public static ApiException NamespaceTerminating(ResourceDefinition resource, string name, string @namespace)
    {
        ApiException error = Forbidden(resource, name, $"unable to create new content in namespace {@namespace} because it is being terminated");
        error.Status["details"]!["causes"] = new JsonArray(new JsonObject
        {
            ["reason"] = "NamespaceTerminating",
            ["message"] = $"namespace {@namespace} is being terminated",
            ["field"] = "metadata.namespace",
        });
        return error;
    }

    public static ApiException Unauthorized() => Make(401, "Unauthorized", "Unauthorized");

    /// <summary>410: the history asked for is gone.</summary>
    public static ApiException Expired(string message) => Make(410, "Expired", message);

    /// <summary>410 of a continue token; <paramref name="continueToken"/> lets the client go on inconsistently (contract L8).</summary>
    public static ApiException ContinueExpired(string? continueToken)
    {
        string message = "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter"
            + (continueToken is null
                ? "."
                : ", or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an "
                  + "inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.");
        ApiException error = Expired(message);
        if (continueToken is not null)
        {
            error.Status["metadata"]!["continue"] = continueToken;
        }

        return error;
    }

    /// <summary>405 for a verb that the resource has no route for.</summary>
    public static ApiException MethodNotAllowed() =>
        Make(405, "MethodNotAllowed", "the server does not allow this method on the requested resource", []);

    /// <summary>406: no media type that the client takes can be served.</summary>
    public static ApiException NotAcceptable(string message) => Make(406, "NotAcceptable", message);

    /// <summary>406 listing what can be served.</summary>
    public static ApiException NotAcceptable(IEnumerable<string> served) =>
        NotAcceptable("only the following media types are accepted: " + string.Join(", ", served));

    /// <summary>415: the body's type is not understood.</summary>
    public static ApiException UnsupportedMediaType(IEnumerable<string> accepted) =>
        Make(415, "UnsupportedMediaType", "the body of the request was in an unknown format - accepted media types include: " + string.Join(", ", accepted));

    public static ApiException RequestEntityTooLarge(string message) => Make(413, "RequestEntityTooLarge", "Request entity too large: " + message);

    /// <summary>504: a revision that is not reached within the wait (contract L9). Reflectors key on the cause.</summary>
    public static ApiException ResourceVersionTooLarge(long requested, long current) =>
        Make(504, "Timeout", $"Timeout: Too large resource version: {requested}, current: {current}", new JsonObject
        {
            ["causes"] = new JsonArray(new JsonObject { ["reason"] = "ResourceVersionTooLarge", ["message"] = "Too large resource version" }),
            ["retryAfterSeconds"] = 1,
        });

    /// <summary>504: the request took longer than it may.</summary>
    public static ApiException Timeout(string message) => Make(504, "Timeout", "Timeout: " + message, []);

    /// <summary>503, worth another try after <paramref name="retryAfterSeconds"/>.</summary>
    public static ApiException ServiceUnavailable(string message, int retryAfterSeconds = 0) =>
        Make(503, "ServiceUnavailable", message, retryAfterSeconds > 0 ? new JsonObject { ["retryAfterSeconds"] = retryAfterSeconds } : null);

    /// <summary>429: too many requests at once.</summary>
    public static ApiException TooManyRequests(string message, int retryAfterSeconds = 1) =>
        Make(429, "TooManyRequests", message, new JsonObject { ["retryAfterSeconds"] = retryAfterSeconds });

    /// <summary>500 with the cause's text.</summary>
    public static ApiException Internal(string why) => Make(500, "InternalError", "Internal error occurred: " + why, new JsonObject
    {
        ["causes"] = new JsonArray(new JsonObject { ["message"] = why }),
    });

    /// <summary>500 without a reason: what upstream answers for an error that is not a Status (contract E2).</summary>
    public static ApiException Unreasoned(string message) => Make(500, "", message);

    /// <summary>Any Status: for reasons that come from elsewhere (an admission webhook's answer).</summary>
    public static ApiException Make(int code, string reason, string message, JsonObject? details = null)
    {
        var status = new JsonObject
        {
            ["kind"] = "Status",
            ["apiVersion"] = "v1",
            ["metadata"] = new JsonObject(),
            ["status"] = "Failure",
            ["message"] = message,
        };
        if (reason.Length > 0)
        {
            status["reason"] = reason;
        }

        if (details is not null)
        {
            status["details"] = details;
        }

        status["code"] = code;
        return new ApiException(status);
    }

    // As Go writes a map.
    private static JsonNode? Sorted(JsonNode? node) => node switch
    {
        JsonObject obj => new JsonObject(obj.OrderBy(field => field.Key, StringComparer.Ordinal).Select(field => KeyValuePair.Create(field.Key, Sorted(field.Value)))),
        JsonArray list => new JsonArray([.. list.Select(Sorted)]),
        _ => node?.DeepClone(),
    };

    private static JsonObject Details(string name, string group, string kind)
    {
        var details = new JsonObject();
        if (name.Length > 0)
        {
            details["name"] = name;
        }

        if (group.Length > 0)
        {
            details["group"] = group;
        }

        if (kind.Length > 0)
        {
            details["kind"] = kind;
        }

        return details;
    }

    private static string GroupResource(string group, string plural) => group.Length == 0 ? plural : $"{plural}.{group}";
}
