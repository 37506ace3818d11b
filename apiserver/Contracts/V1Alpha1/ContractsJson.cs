using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace AiModels.Contracts.V1Alpha1;

/// <summary>How the API's types are written as JSON: camelCase, absent instead of null, RFC 3339 times with seconds, unknown fields passed over.</summary>
public static class ContractsJson
{
    /// <summary>The one set of options for everything under ai.deckhouse.io.</summary>
    public static JsonSerializerOptions Options { get; } = Create();

    private static JsonSerializerOptions Create()
    {
        var options = new JsonSerializerOptions(JsonSerializerDefaults.Web)
        {
            PropertyNameCaseInsensitive = false,
            DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
            Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
            TypeInfoResolver = V1Alpha1JsonContext.Default,
        };
        options.Converters.Add(new SecondsTimeConverter());
        options.MakeReadOnly();
        return options;
    }

    /// <summary>metav1.Time: RFC 3339 in UTC with whole seconds.</summary>
    private sealed class SecondsTimeConverter : JsonConverter<DateTimeOffset>
    {
        public override DateTimeOffset Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            reader.GetDateTimeOffset().ToUniversalTime();

        public override void Write(Utf8JsonWriter writer, DateTimeOffset value, JsonSerializerOptions options) =>
            writer.WriteStringValue(value.ToUniversalTime().ToString("yyyy-MM-ddTHH:mm:ssZ", System.Globalization.CultureInfo.InvariantCulture));
    }
}

/// <summary>Source-generated serializers: no reflection at run time, and a missing type is a build error.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(Model))]
[JsonSerializable(typeof(ClusterModel))]
[JsonSerializable(typeof(ModelCatalogSource))]
[JsonSerializable(typeof(NodeModelCache))]
[JsonSerializable(typeof(UploadSession))]
[JsonSerializable(typeof(ModelProgress))]
[JsonSerializable(typeof(RegistryGrant))]
[JsonSerializable(typeof(NodeCache.EnsureModelRequest))]
[JsonSerializable(typeof(NodeCache.EnsureModelResponse))]
[JsonSerializable(typeof(NodeCache.ReleaseModelRequest))]
[JsonSerializable(typeof(NodeCache.NodeCacheError))]
[JsonSerializable(typeof(NodeCache.NodeCacheStatus))]
public sealed partial class V1Alpha1JsonContext : JsonSerializerContext;
