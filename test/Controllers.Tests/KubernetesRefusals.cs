using System.Text.Json.Nodes;
using AiModels.Hosting.Kubernetes;

namespace AiModels.Controllers.Tests;

/// <summary>What kube-apiserver answers when it refuses, word for word.</summary>
internal static class KubernetesRefusals
{
    /// <summary>Of a creation in a namespace that is being deleted (statement G2).</summary>
    public static KubernetesApiException NamespaceTerminating(string resource, string ns)
    {
        string message = $"{resource} \"x\" is forbidden: unable to create new content in namespace {ns} because it is being terminated";
        return new KubernetesApiException(403, "Forbidden", message, new JsonObject
        {
            ["kind"] = "Status",
            ["status"] = "Failure",
            ["message"] = message,
            ["reason"] = "Forbidden",
            ["code"] = 403,
            ["details"] = new JsonObject
            {
                ["name"] = "x",
                ["kind"] = resource,
                ["causes"] = new JsonArray(new JsonObject
                {
                    ["reason"] = "NamespaceTerminating",
                    ["message"] = $"namespace {ns} is being terminated",
                    ["field"] = "metadata.namespace",
                }),
            },
        });
    }
}
