using AiModels.ApiMachinery.Errors;
using AiModels.ApiMachinery.Validation;

namespace AiModels.ApiServer.Tests.ApiMachinery.Contract;

/// <summary>The catalogue of errors, row by row (contract 4.1). Which request gets which is asserted elsewhere.</summary>
[TestClass]
public sealed class ErrorCatalogueTests
{
    private const string Named = """{"name":"n","group":"example.com","kind":"widgets"}""";

    public static IEnumerable<object?[]> Errors =>
    [
        [ApiError.NotFound(WidgetServer.Widget, "n"), 404, "NotFound", "widgets.example.com \"n\" not found", Named],
        [ApiError.NotFound("", "pods", "n"), 404, "NotFound", "pods \"n\" not found", """{"name":"n","kind":"pods"}"""],
        [ApiError.AlreadyExists(WidgetServer.Widget, "n"), 409, "AlreadyExists", "widgets.example.com \"n\" already exists", Named],
        [ApiError.GenerateNameConflict(WidgetServer.Widget, "n"), 409, "AlreadyExists",
            "widgets.example.com \"n\" already exists, the server was not able to generate a unique name for the object", """{"name":"n","group":"example.com","kind":"widgets","retryAfterSeconds":1}"""],
        [ApiError.Conflict(WidgetServer.Widget, "n", "why"), 409, "Conflict", "Operation cannot be fulfilled on widgets.example.com \"n\": why", Named],
        [ApiError.PreconditionFailed(WidgetServer.Widget, "n", "why"), 409, "Conflict", "Operation cannot be fulfilled on Widget.example.com \"n\": why", """{"name":"n","group":"example.com","kind":"Widget"}"""],
        [ApiError.BadRequest("text"), 400, "BadRequest", "text", null],
        [ApiError.Forbidden(WidgetServer.Widget, "n", "why"), 403, "Forbidden", "widgets.example.com \"n\" is forbidden: why", Named],
        [ApiError.Forbidden(WidgetServer.Widget, "", "why"), 403, "Forbidden", "widgets.example.com is forbidden: why", """{"group":"example.com","kind":"widgets"}"""],
        [ApiError.Unauthorized(), 401, "Unauthorized", "Unauthorized", null],
        [ApiError.Expired("text"), 410, "Expired", "text", null],
        [ApiError.ContinueExpired(null), 410, "Expired", "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter.", null],
        [ApiError.NotAcceptable(["a/b", "c/d"]), 406, "NotAcceptable", "only the following media types are accepted: a/b, c/d", null],
        [ApiError.UnsupportedMediaType(["a/b"]), 415, "UnsupportedMediaType", "the body of the request was in an unknown format - accepted media types include: a/b", null],
        [ApiError.RequestEntityTooLarge("limit is 5"), 413, "RequestEntityTooLarge", "Request entity too large: limit is 5", null],
        [ApiError.TooManyRequests("later"), 429, "TooManyRequests", "later", """{"retryAfterSeconds":1}"""],
        [ApiError.Timeout("text"), 504, "Timeout", "Timeout: text", "{}"],
        [ApiError.ServiceUnavailable("text"), 503, "ServiceUnavailable", "text", null],
        [ApiError.Internal("why"), 500, "InternalError", "Internal error occurred: why", """{"causes":[{"message":"why"}]}"""],
        [ApiError.Unreasoned("text"), 500, null, "text", null],
        [ApiError.MethodNotAllowed(), 405, "MethodNotAllowed", "the server does not allow this method on the requested resource", "{}"],
    ];

    public static IEnumerable<object[]> FieldErrors =>
    [
        [FieldError.Required("a"), "a: Required value", "FieldValueRequired"],
        [FieldError.Required("a", "d"), "a: Required value: d", "FieldValueRequired"],
        [FieldError.Invalid("a.b[2].c", "x\"y", "d"), "a.b[2].c: Invalid value: \"x\\\"y\": d", "FieldValueInvalid"],
        [FieldError.InvalidRaw("a", "5", "d"), "a: Invalid value: 5: d", "FieldValueInvalid"],
        [FieldError.NotSupported("a", "x", ["p", "q"]), "a: Unsupported value: \"x\": supported values: \"p\", \"q\"", "FieldValueNotSupported"],
        [FieldError.Forbidden("a", "d"), "a: Forbidden: d", "FieldValueForbidden"],
        [FieldError.Duplicate("labels[k]", "x"), "labels[k]: Duplicate value: \"x\"", "FieldValueDuplicate"],
        [FieldError.TooLong("a", 5), "a: Too long: may not be more than 5 bytes", "FieldValueTooLong"],
        [FieldError.TooMany("a", 7, 5), "a: Too many: 7: must have at most 5 items", "FieldValueTooMany"],
        [new FieldError(FieldErrorType.NotFound, "a", "\"x\"", ""), "a: Not found: \"x\"", "FieldValueNotFound"],
        [new FieldError(FieldErrorType.TypeInvalid, "a", "5", "d"), "a: Invalid value: 5: d", "FieldValueTypeInvalid"],
        [new FieldError(FieldErrorType.Internal, "a", "", "d"), "a: Internal error: d", "InternalError"],
    ];

    [TestMethod]
    [DynamicData(nameof(Errors))]
    public void E1_E2_E4_Error_HasItsCodeReasonWordsAndDetails(ApiException error, int code, string? reason, string message, string? details)
    {
        Assert.AreEqual((code, reason, message, details),
            ((int)error.Status["code"]!, (string?)error.Status["reason"], (string?)error.Status["message"], error.Status["details"]?.ToJsonString()));
        Assert.AreEqual(code, error.Code);
        Assert.AreEqual("Status v1 {} Failure", $"{error.Status["kind"]} {error.Status["apiVersion"]} {error.Status["metadata"]!.ToJsonString()} {error.Status["status"]}");
    }

    [TestMethod]
    [DynamicData(nameof(FieldErrors))]
    public void E5_E6_FieldError_HasItsTextAndCause(FieldError error, string text, string cause)
    {
        ApiException status = ApiError.Invalid(WidgetServer.Widget, "n", [error]);

        Assert.AreEqual((text, cause), (error.ToString(), error.CauseReason));
        Assert.AreEqual("Widget.example.com \"n\" is invalid: " + text, (string?)status.Status["message"]);
        Assert.AreEqual($"{cause} {error.Path} {text[(error.Path.Length + 2)..]}",
            $"{status.Status["details"]!["causes"]![0]!["reason"]} {status.Status["details"]!["causes"]![0]!["field"]} {status.Status["details"]!["causes"]![0]!["message"]}");
    }

    [TestMethod]
    public void E5_SameErrorTwice_IsOneInTheMessage_AndTwoCauses()
    {
        ApiException status = ApiError.Invalid(WidgetServer.Widget, "n", [FieldError.Required("a"), FieldError.Required("a"), FieldError.Required("b")]);

        Assert.AreEqual("Widget.example.com \"n\" is invalid: [a: Required value, b: Required value]", (string?)status.Status["message"]);
        Assert.HasCount(3, status.Status["details"]!["causes"]!.AsArray());
    }
}
