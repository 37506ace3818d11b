using System.Text.Json.Nodes;

namespace AiModels.ApiMachinery.Resources;

/// <summary>All guards of a server, in their order. Without any, writes cost nothing extra.</summary>
internal sealed class AdmissionChain(ResourceDefinition definition, IReadOnlyList<IAdmission> guards)
{
    /// <summary>Whether somebody may change what is written.</summary>
    public bool IsEmpty => guards.Count == 0;

    public AdmissionRequest Request(
        string operation, string @namespace, string name, string subresource, JsonObject? obj, JsonObject? old, WriteOptions options) => new()
        {
            Operation = operation,
            Resource = definition,
            Subresource = subresource,
            Namespace = definition.Scope == ResourceScope.Namespaced ? @namespace : "",
            Name = name,
            Object = obj,
            OldObject = old,
            User = options.User,
            IsDryRun = options.IsDryRun,
            Warnings = options.Warnings,
        };

    /// <summary>Lets every guard change the object; returns what became of it.</summary>
    public async ValueTask<JsonObject> MutateAsync(AdmissionRequest request, CancellationToken cancellationToken)
    {
        foreach (IAdmission guard in guards)
        {
            await guard.MutateAsync(request, cancellationToken);
        }

        return request.Object!;
    }

    /// <summary>Asks every guard about the state that is about to be stored.</summary>
    public async ValueTask ValidateAsync(AdmissionRequest request, JsonObject obj, CancellationToken cancellationToken)
    {
        request.Object = obj;
        foreach (IAdmission guard in guards)
        {
            await guard.ValidateAsync(request, cancellationToken);
        }
    }

    /// <summary>Asks every guard whether the object may go (contract AD7: it is the old object, there is no new one).</summary>
    public async ValueTask DeleteAsync(string @namespace, string name, JsonObject live, DeleteOptions options, CancellationToken cancellationToken)
    {
        if (IsEmpty)
        {
            return;
        }

        AdmissionRequest request = Request(
            "DELETE", @namespace, name, "", null, live, new WriteOptions { FieldManager = "", User = options.User, IsDryRun = options.IsDryRun });
        foreach (IAdmission guard in guards)
        {
            await guard.MutateAsync(request, cancellationToken);
        }

        foreach (IAdmission guard in guards)
        {
            await guard.ValidateAsync(request, cancellationToken);
        }
    }
}
