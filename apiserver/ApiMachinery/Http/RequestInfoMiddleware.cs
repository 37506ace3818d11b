using Microsoft.AspNetCore.Http;

namespace AiModels.ApiMachinery.Http;

/// <summary>First in line: parses what the request is about, and gives it the ID under which it is audited here and in kube-apiserver (contract A24).</summary>
internal sealed class RequestInfoMiddleware(RequestDelegate next)
{
    // A UUID has 36 characters; longer ones, and letters that no header of an answer can have, are somebody's attempt to write into the log.
    private const int LongestId = 64;

    public Task InvokeAsync(HttpContext context)
    {
        context.Features.Set(RequestInfo.Parse(context.Request));
        string auditId = context.Request.Headers["Audit-ID"].ToString();
        context.Response.Headers["Audit-ID"] = auditId.Length is > 0 and <= LongestId && !auditId.AsSpan().ContainsAnyExceptInRange('!', '~') ? auditId : Guid.NewGuid().ToString();
        return next(context);
    }
}
