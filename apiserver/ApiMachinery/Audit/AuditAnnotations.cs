using Microsoft.AspNetCore.Http;

namespace AiModels.ApiMachinery.Audit;

/// <summary>Annotations of a request's audit event: what authorization decided, what admission webhooks noted.</summary>
internal sealed class AuditAnnotations
{
    private readonly Dictionary<string, string> _values = [];

    private AuditAnnotations()
    {
    }

    /// <summary>Those of a request; to be locked where several may write at once.</summary>
    public static IDictionary<string, string> Of(HttpContext context)
    {
        if (context.Features.Get<AuditAnnotations>() is not { } annotations)
        {
            annotations = new AuditAnnotations();
            context.Features.Set(annotations);
        }

        return annotations._values;
    }
}
