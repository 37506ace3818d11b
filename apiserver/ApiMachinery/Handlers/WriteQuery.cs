using System.Text;
using AiModels.ApiMachinery.Audit;
using AiModels.ApiMachinery.Errors;
using AiModels.ApiMachinery.Http;
using AiModels.ApiMachinery.Resources;
using AiModels.ApiMachinery.Validation;
using Microsoft.AspNetCore.Http;

namespace AiModels.ApiMachinery.Handlers;

/// <summary>The query of a write (CreateOptions, UpdateOptions, PatchOptions), checked (contract V1-V4, P8).</summary>
internal static class WriteQuery
{
    private const int MaximumManager = 128;

    /// <param name="kind">CreateOptions, UpdateOptions or PatchOptions.</param>
    /// <param name="isApply">Server-side apply must name its manager; nothing else may force.</param>
    public static WriteOptions Parse(HttpContext context, string kind, UserInfo user, IReadOnlyList<string> decodeErrors, bool isApply = false)
    {
        IQueryCollection query = context.Request.Query;
        List<FieldError> errors = [];
        string manager = query.First("fieldManager");
        if (kind == "PatchOptions")
        {
            if (isApply && manager.Length == 0)
            {
                errors.Add(FieldError.Required("fieldManager", "is required for apply patch"));
            }

            if (!isApply && query.ContainsKey("force"))
            {
                errors.Add(FieldError.Forbidden("force", "may not be specified for non-apply patch"));
            }
        }

        CheckManager(manager, errors);
        bool isDryRun = IsDryRun(query, errors);
        string validation = query.First("fieldValidation");
        if (validation is not ("" or "Ignore" or "Warn" or "Strict"))
        {
            errors.Add(FieldError.NotSupported("fieldValidation", validation, ["", "Ignore", "Strict", "Warn"]));
        }

        if (errors.Count > 0)
        {
            throw ApiError.InvalidOptions(kind, errors);
        }

        return new WriteOptions
        {
            FieldManager = manager.Length > 0 ? manager : DefaultManager(context),
            User = user,
            IsDryRun = isDryRun,
            FieldValidation = validation switch
            {
                "Ignore" => FieldValidation.Ignore,
                "Strict" => FieldValidation.Strict,
                _ => FieldValidation.Warn,
            },
            DecodeErrors = decodeErrors,
            Force = isApply && query.ContainsKey("force") && RequestInfo.IsTrue(query, "force"),
            Warnings = new List<string>(),
            AuditAnnotations = AuditAnnotations.Of(context),
        };
    }

    /// <summary>?dryRun, which may only be All.</summary>
    public static bool IsDryRun(IQueryCollection query, List<FieldError> errors)
    {
        if (!query.TryGetValue("dryRun", out var values))
        {
            return false;
        }

        CheckDryRun([.. values.Select(value => value ?? "")], errors);
        return true;
    }

    public static void CheckDryRun(IReadOnlyList<string> values, List<FieldError> errors)
    {
        if (values.Any(value => value != "All"))
        {
            errors.Add(new FieldError(FieldErrorType.NotSupported, "dryRun",
                "[" + string.Join(",", values.Select(FieldError.Quote)) + "]", "supported values: \"All\""));
        }
    }

    private static void CheckManager(string manager, List<FieldError> errors)
    {
        if (Encoding.UTF8.GetByteCount(manager) > MaximumManager)
        {
            errors.Add(FieldError.TooLong("fieldManager", MaximumManager));
        }

        int position = 0;
        foreach (Rune rune in manager.EnumerateRunes())
        {
            if (Rune.IsControl(rune) || Rune.GetUnicodeCategory(rune) is System.Globalization.UnicodeCategory.Format
                or System.Globalization.UnicodeCategory.LineSeparator or System.Globalization.UnicodeCategory.ParagraphSeparator)
            {
                errors.Add(FieldError.Invalid("fieldManager", manager, $"invalid character U+{rune.Value:X4} (at position {position})"));
            }

            position++;
        }
    }

    // The User-Agent up to the first slash.
    private static string DefaultManager(HttpContext context)
    {
        string agent = context.Request.Headers.UserAgent.ToString().Split('/', 2)[0];
        return agent.Length == 0 ? "unknown" : agent.Length > MaximumManager ? agent[..MaximumManager] : agent;
    }
}
