using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Audit;
using AiModels.ApiMachinery.Errors;
using AiModels.ApiMachinery.Http;
using AiModels.ApiMachinery.Negotiation;
using AiModels.ApiMachinery.Resources;
using AiModels.ApiMachinery.Validation;
using Microsoft.AspNetCore.Http;

namespace AiModels.ApiMachinery.Handlers;

/// <summary>DeleteOptions from the body, or from the query when there is none (contract X1, X5).</summary>
/// <param name="IsExplicitlyNotOrphaning">orphanDependents: false was sent: the answer is 202 instead of 200 (contract X2).</param>
internal sealed record DeleteQuery(DeleteOptions Options, bool IsExplicitlyNotOrphaning)
{
    public static async ValueTask<DeleteQuery> ReadAsync(HttpContext context, int limit)
    {
        ReadOnlyMemory<byte> body = await RequestBody.ReadAsync(context, limit);
        JsonObject document = body.Length > 0
            ? DeleteOptionsShape.Checked(BodyDecoder.Options(body, context.Request.ContentType, []) ?? [])
            : FromQuery(context.Request.Query);
        List<FieldError> errors = [];
        string? policy = document["propagationPolicy"]?.ToString();
        bool? orphan = document["orphanDependents"] is JsonValue flag && flag.TryGetValue(out bool value) ? value : null;
        if (orphan is not null && policy is not null)
        {
            errors.Add(FieldError.Invalid("propagationPolicy", policy, "orphanDependents and deletionPropagation cannot be both set"));
        }

        if (policy is not (null or "Foreground" or "Background" or "Orphan"))
        {
            errors.Add(FieldError.NotSupported("propagationPolicy", policy, ["Foreground", "Background", "Orphan", "nil"]));
        }

        string[] dryRun = document["dryRun"] is JsonArray list ? [.. list.Select(item => item?.ToString() ?? "")] : [];
        WriteQuery.CheckDryRun(dryRun, errors);
        if (errors.Count > 0)
        {
            throw ApiError.InvalidOptions("DeleteOptions", errors);
        }

        return new DeleteQuery(new DeleteOptions
        {
            PreconditionUid = document["preconditions"]?["uid"]?.ToString(),
            PreconditionResourceVersion = document["preconditions"]?["resourceVersion"]?.ToString(),
            PropagationPolicy = policy ?? (orphan switch { true => "Orphan", false => "Background", _ => null }),
            IsDryRun = dryRun.Length > 0 || IsDryRunInQuery(context.Request.Query),
            User = UserFeature.Of(context),
            AuditAnnotations = AuditAnnotations.Of(context),
        }, orphan == false);
    }

    private static bool IsDryRunInQuery(IQueryCollection query)
    {
        List<FieldError> errors = [];
        bool isDryRun = WriteQuery.IsDryRun(query, errors);
        return errors.Count == 0 ? isDryRun : throw ApiError.InvalidOptions("DeleteOptions", errors);
    }

    private static JsonObject FromQuery(IQueryCollection query)
    {
        JsonObject document = [];
        if (query.TryGetValue("propagationPolicy", out var policy))
        {
            document["propagationPolicy"] = policy[0] ?? "";
        }

        if (query.ContainsKey("gracePeriodSeconds"))
        {
            // No kind here takes time to end, so that the number itself means nothing (contract X8); one that is none is still a mistake.
            document["gracePeriodSeconds"] = GoInteger.Parse(query.First("gracePeriodSeconds"));
        }

        if (query.ContainsKey("orphanDependents"))
        {
            document["orphanDependents"] = RequestInfo.IsTrue(query, "orphanDependents");
        }

        return document;
    }
}
