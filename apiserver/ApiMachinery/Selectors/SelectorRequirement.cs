using System.Text.Json.Nodes;

namespace AiModels.ApiMachinery.Selectors;

/// <summary>Comparisons of a selector. Equality with one value is <see cref="In"/>, inequality <see cref="NotIn"/>.</summary>
public enum SelectorOperator
{
    In,
    NotIn,
    Exists,
    DoesNotExist,
    GreaterThan,
    LessThan,
}

/// <summary>One condition of a selector; all conditions of a selector must hold.</summary>
/// <param name="Key">Label key, or path of a field.</param>
/// <param name="Operator">How the value is compared.</param>
/// <param name="Values">Sorted, without duplicates; empty for Exists and DoesNotExist.</param>
public sealed record SelectorRequirement(string Key, SelectorOperator Operator, IReadOnlyList<string> Values)
{
    /// <summary>
    /// The condition as SubjectAccessReview's labelSelector.requirements and fieldSelector.requirements spell it (contract A18).
    /// Null where that type has no word for it (greater, less): leaving a condition out asks for more than is needed, never for less.
    /// </summary>
    public JsonObject? ToReviewRequirement() => Operator switch
    {
        SelectorOperator.GreaterThan or SelectorOperator.LessThan => null,
        SelectorOperator.Exists or SelectorOperator.DoesNotExist => new JsonObject { ["key"] = Key, ["operator"] = Operator.ToString() },
        _ => new JsonObject
        {
            ["key"] = Key,
            ["operator"] = Operator.ToString(),
            ["values"] = new JsonArray([.. Values.Select(value => JsonValue.Create(value))]),
        },
    };

    /// <summary>Whether a value (null: there is none) satisfies the condition.</summary>
    internal bool IsMetBy(string? value) => Operator switch
    {
        SelectorOperator.In => value is not null && Values.Contains(value),
        SelectorOperator.NotIn => value is null || !Values.Contains(value),
        SelectorOperator.Exists => value is not null,
        SelectorOperator.DoesNotExist => value is null,
        SelectorOperator.GreaterThan => long.TryParse(value, out long actual) && actual > long.Parse(Values[0]),
        _ => long.TryParse(value, out long actual) && actual < long.Parse(Values[0]),
    };
}
