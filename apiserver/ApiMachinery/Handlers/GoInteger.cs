using System.Globalization;
using AiModels.ApiMachinery.Errors;
using AiModels.ApiMachinery.Validation;

namespace AiModels.ApiMachinery.Handlers;

/// <summary>Whole numbers in queries, refused in the words of Go's strconv.</summary>
internal static class GoInteger
{
    public static long Parse(string text) =>
        long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number) ? number : throw ApiError.BadRequest(Problem("ParseInt", text));

    /// <summary>Why a text is no number for a function of strconv.</summary>
    public static string Problem(string function, string text)
    {
        bool hasDigitsOnly = text.Length > 0 && text.AsSpan(function == "ParseInt" && text[0] is '-' or '+' ? 1 : 0) is { Length: > 0 } digits && !digits.ContainsAnyExceptInRange('0', '9');
        return $"strconv.{function}: parsing {FieldError.Quote(text)}: {(hasDigitsOnly ? "value out of range" : "invalid syntax")}";
    }
}
