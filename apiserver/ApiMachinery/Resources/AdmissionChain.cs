using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Http;

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
            Options = options.Describe(operation),
            Warnings = options.Warnings,
            AuditAnnotations = options.AuditAnnotations,
        };

    /// <summary>Asks every guard about a request to a subresource that answers for itself (contract AD7).</summary>
    public async ValueTask ConnectAsync(
        string @namespace, string name, string subresource, UserInfo user, IDictionary<string, string> auditAnnotations, ICollection<string> warnings,
        CancellationToken cancellationToken)
    {
        if (!IsEmpty)
        {
            await AskAllAsync(new AdmissionRequest
            {
                Operation = "CONNECT",
                Resource = definition,
                Subresource = subresource,
                Namespace = definition.Scope == ResourceScope.Namespaced ? @namespace : "",
                Name = name,
                User = user,
                Warnings = warnings,
                AuditAnnotations = auditAnnotations,
            }, cancellationToken);
        }
    }

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
        request.Name = request.Name.Length > 0 ? request.Name : ObjectMetadata.Text(ObjectMetadata.Of(obj), "name");
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

        await AskAllAsync(new AdmissionRequest
        {
            Operation = "DELETE",
            Resource = definition,
            Namespace = definition.Scope == ResourceScope.Namespaced ? @namespace : "",
            Name = name,
            OldObject = live,
            User = options.User,
            IsDryRun = options.IsDryRun,
            Options = options.Describe(),
            Warnings = options.Warnings,
            AuditAnnotations = options.AuditAnnotations,
        }, cancellationToken);
    }

    private async ValueTask AskAllAsync(AdmissionRequest request, CancellationToken cancellationToken)
    {
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
