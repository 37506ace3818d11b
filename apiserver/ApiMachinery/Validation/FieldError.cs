namespace AiModels.ApiMachinery.Validation;

/// <summary>Kinds of field errors, with the cause reasons of Kubernetes (contract E5).</summary>
public enum FieldErrorType
{
    Required,
    Invalid,
    NotSupported,
    Forbidden,
    Duplicate,
    NotFound,
    TooLong,
    TooMany,
    TypeInvalid,
    Internal,
}

/// <summary>One thing wrong with one field. <see cref="ToString"/> is the text of the Status message, <see cref="Body"/> that of its cause (contract E5, E6).</summary>
/// <param name="Path">spec.list[2].name, metadata.labels[key].</param>
/// <param name="BadValue">The value as Go would print it: strings with %q, numbers bare; empty where the text has none.</param>
public sealed record FieldError(FieldErrorType Type, string Path, string BadValue, string Detail)
{
    public static FieldError Required(string path, string detail = "") => new(FieldErrorType.Required, path, "", detail);

    public static FieldError Invalid(string path, string value, string detail) => new(FieldErrorType.Invalid, path, Quote(value), detail);

    public static FieldError InvalidRaw(string path, string value, string detail) => new(FieldErrorType.Invalid, path, value, detail);

    public static FieldError NotSupported(string path, string value, IEnumerable<string> supported) =>
        new(FieldErrorType.NotSupported, path, Quote(value), "supported values: " + string.Join(", ", supported.Select(Quote)));

    public static FieldError Forbidden(string path, string detail) => new(FieldErrorType.Forbidden, path, "", detail);

    public static FieldError Duplicate(string path, string value) => new(FieldErrorType.Duplicate, path, Quote(value), "");

    public static FieldError TooLong(string path, int maximum) =>
        new(FieldErrorType.TooLong, path, "", $"may not be more than {maximum} bytes");

    public static FieldError TooMany(string path, int actual, int maximum) =>
        new(FieldErrorType.TooMany, path, actual.ToString(System.Globalization.CultureInfo.InvariantCulture), $"must have at most {maximum} items");

    /// <summary>The error without its path.</summary>
    public string Body
    {
        get
        {
            string head = Type switch
            {
                FieldErrorType.Required => "Required value",
                FieldErrorType.Invalid or FieldErrorType.TypeInvalid => "Invalid value",
                FieldErrorType.NotSupported => "Unsupported value",
                FieldErrorType.Forbidden => "Forbidden",
                FieldErrorType.Duplicate => "Duplicate value",
                FieldErrorType.NotFound => "Not found",
                FieldErrorType.TooLong => "Too long",
                FieldErrorType.TooMany => "Too many",
                _ => "Internal error",
            };
            return head + (BadValue.Length > 0 ? ": " + BadValue : "") + (Detail.Length > 0 ? ": " + Detail : "");
        }
    }

    /// <summary>Cause reason of the Status.</summary>
    public string CauseReason => Type == FieldErrorType.Internal ? "InternalError" : "FieldValue" + Type;

    public override string ToString() => $"{Path}: {Body}";

    /// <summary>A string as Go's %q prints it.</summary>
    public static string Quote(string value)
    {
        var quoted = new System.Text.StringBuilder(value.Length + 2).Append('"');
        foreach (char letter in value)
        {
            _ = letter switch
            {
                '\\' or '"' => quoted.Append('\\').Append(letter),
                '\n' => quoted.Append("\\n"),
                '\r' => quoted.Append("\\r"),
                '\t' => quoted.Append("\\t"),
                '\a' => quoted.Append("\\a"),
                '\b' => quoted.Append("\\b"),
                '\f' => quoted.Append("\\f"),
                '\v' => quoted.Append("\\v"),
                < ' ' or '\x7f' => quoted.Append("\\x").Append(((int)letter).ToString("x2", System.Globalization.CultureInfo.InvariantCulture)),
                >= '\x80' and < '\xa1' => quoted.Append("\\u").Append(((int)letter).ToString("x4", System.Globalization.CultureInfo.InvariantCulture)),
                _ => quoted.Append(letter),
            };
        }

        return quoted.Append('"').ToString();
    }
}
