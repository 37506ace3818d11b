using AiModels.ApiMachinery.Errors;

namespace AiModels.ApiMachinery.Resources;

/// <summary>Writes that come before a guard knows what it must know wait for it (k8s.io/apiserver/pkg/admission/handler.go; contract G5).</summary>
internal static class AdmissionReadiness
{
    // Upstream's.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <exception cref="ApiException">403: it is not known in time.</exception>
    public static async ValueTask RequireAsync(Task synced, AdmissionRequest request, TimeProvider time, CancellationToken cancellationToken)
    {
        if (synced.IsCompletedSuccessfully)
        {
            return;
        }

        try
        {
            await synced.WaitAsync(Patience, time, cancellationToken);
        }
        catch (TimeoutException)
        {
            throw ApiError.Forbidden(request.Resource, request.Name, "not yet ready to handle request");
        }
    }
}
