using AiModels.Contracts.V1Alpha1;
using AiModels.Hosting.Kubernetes;

namespace AiModels.Controllers.Delivery.SharedPvc;

/// <summary>A no of the API to what delivery must make: a quota, a policy, a missing right. Somebody must act, so it is told where they look, and not only in a log.</summary>
internal static class Refusal
{
    // Nothing that is watched tells that a quota was raised.
    private static readonly TimeSpan LookAgain = TimeSpan.FromSeconds(30);

    /// <summary>Not of a namespace that is being deleted: nobody could read of it any more.</summary>
    public static bool Is(KubernetesApiException answer) => answer.StatusCode is 403 or 422 && !answer.IsNamespaceTerminating;

    public static DeliveryOutcome.Held Held(KubernetesApiException answer) =>
        new(Reasons.ModelDeliveryRefused, $"the cluster refuses what the delivery needs: {answer.Message}", IsWarning: true, LookAgain);
}
