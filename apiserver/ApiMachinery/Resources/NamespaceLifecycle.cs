using AiModels.ApiMachinery.Errors;

namespace AiModels.ApiMachinery.Resources;

/// <summary>What is known of a namespace.</summary>
public enum NamespaceState
{
    Absent,
    Active,
    Terminating,
}

/// <summary>Where namespaces are known: the cluster's API for an extension server, its own resource for the stand-in cluster.</summary>
public interface INamespaceSource
{
    /// <summary>Completes when namespaces are known; writes wait for it (contract G5).</summary>
    Task Synced => Task.CompletedTask;

    ValueTask<NamespaceState> GetStateAsync(string name, CancellationToken cancellationToken);
}

/// <summary>Nothing is created in a namespace that is absent or going away; updates there go on, so that finalizers can be removed (contract G1-G3).</summary>
public sealed class NamespaceLifecycle(INamespaceSource namespaces, TimeProvider time) : IAdmission
{
    public async ValueTask MutateAsync(AdmissionRequest request, CancellationToken cancellationToken)
    {
        if (request.Namespace.Length == 0 || request.Operation is not ("CREATE" or "UPDATE"))
        {
            return;
        }

        await AdmissionReadiness.RequireAsync(namespaces.Synced, request, time, cancellationToken);
        switch (await namespaces.GetStateAsync(request.Namespace, cancellationToken))
        {
            case NamespaceState.Absent:
                throw ApiError.NotFound("", "namespaces", request.Namespace);
            case NamespaceState.Terminating when request.Operation == "CREATE":
                throw ApiError.NamespaceTerminating(request.Resource, request.Name, request.Namespace);
        }
    }
}
