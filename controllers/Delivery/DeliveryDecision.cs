using AiModels.Contracts.V1Alpha1;
using AiModels.Contracts.WellKnown;

namespace AiModels.Controllers.Delivery;

/// <summary>What stands in the way before a delivery mode is asked: bad input first, then models that are not there. Pure.</summary>
internal static class DeliveryDecision
{
    /// <summary>Null when the mode may be asked; <paramref name="models"/> are then all Ready.</summary>
    /// <param name="mode">Name of the mode that will be asked: only SharedPVC looks at the user's claim.</param>
    public static DeliveryOutcome.Held? Obstacle(
        Workload workload, ModelReferences references, string mode, Func<ModelReference, ModelFact?> find, out IReadOnlyList<ModelFact> models)
    {
        models = [];
        string[] errors = [.. references.Errors, .. mode == SharedPvc.SharedPvcMode.ModeName ? ClaimErrors(workload) : []];
        if (errors.Length > 0)
        {
            return Invalid(string.Join("; ", errors));
        }

        if (PodTemplateEditor.Conflict(workload.Template, references.Models.Select(model => model.Name)) is { } conflict)
        {
            return Invalid(conflict);
        }

        ModelFact?[] found = [.. references.Models.Select(find)];
        string[] missing = [.. references.Models.Where((_, i) => found[i] is null).Select(reference => reference.ToString())];
        if (missing.Length > 0)
        {
            return new DeliveryOutcome.Held(Reasons.ModelNotFound, $"there is no {string.Join(" and no ", missing)} (yet)", IsWarning: true);
        }

        models = [.. found.Select(model => model!)];
        ModelFact[] unready = [.. models.Where(model => !model.IsReady)];
        return unready.Length == 0 ? null : new DeliveryOutcome.Held(
            Reasons.ModelNotReady,
            string.Join("; ", unready.Select(model => model.StateInWords())),
            IsWarning: unready.Any(model => model.IsDeleting || model.Status?.Phase == Phases.Failed));
    }

    private static IEnumerable<string> ClaimErrors(Workload workload) => workload.UserClaim switch
    {
        null => [],
        "" => [$"the annotation {Annotations.ModelCacheClaim} is empty: want the name of a PersistentVolumeClaim in namespace {workload.Namespace}, or no such annotation"],
        { } claim when !ObjectName.IsValid(claim) =>
            [$"the annotation {Annotations.ModelCacheClaim} has '{claim}', which is no name of a PersistentVolumeClaim: want lower-case letters, digits, '-' and '.', at most 253"],
        _ => [],
    };

    private static DeliveryOutcome.Held Invalid(string message) => new(Reasons.ModelDeliveryInvalid, message, IsWarning: true);
}
