using System.Text.Json.Nodes;

namespace AiModels.LocalCluster.Workloads;

/// <summary>Conditions of a status.</summary>
internal static class Conditions
{
    /// <summary>The object's conditions with one set; the transition time stays while the status does.</summary>
    public static JsonArray With(JsonNode? list, string type, bool isTrue, string reason, string message, TimeProvider time)
    {
        string status = isTrue ? "True" : "False";
        var conditions = new JsonArray([.. (list as JsonArray ?? []).Where(c => (string?)c?["type"] != type).Select(c => c?.DeepClone())]);
        JsonNode? old = (list as JsonArray)?.FirstOrDefault(c => (string?)c?["type"] == type);
        string since = (string?)old?["status"] == status && (string?)old["lastTransitionTime"] is { } kept ? kept : time.Timestamp();
        conditions.Add(new JsonObject { ["type"] = type, ["status"] = status, ["reason"] = reason, ["message"] = message, ["lastTransitionTime"] = since });
        return conditions;
    }
}
