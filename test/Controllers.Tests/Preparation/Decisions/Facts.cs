using System.Text.Json.Nodes;
using AiModels.Contracts.V1Alpha1;
using AiModels.Contracts.WellKnown;
using AiModels.Controllers.Preparation;
using AiModels.Controllers.Preparation.Pipeline;
using AiModels.Hosting.Kubernetes;

namespace AiModels.Controllers.Tests.Preparation.Decisions;

/// <summary>Facts for tables of decisions.</summary>
internal static class Facts
{
    public static DateTimeOffset Now { get; } = new(2026, 5, 6, 7, 8, 9, TimeSpan.Zero);

    public static PreparationResult Result { get; } = new()
    {
        Artifact = new ModelArtifact { Digest = "sha256:" + new string('a', 64), MediaType = "m", SizeBytes = 7 },
        Source = new ResolvedSource { ResolvedType = SourceTypes.Upload },
        Resolved = new ResolvedModel { Format = ModelFormats.Gguf },
        CustomCode = [],
        LeftOut = new Dictionary<string, string>(),
        StoredBytes = 7,
    };

    public static ModelFacts Of(
        string? phase = null, bool isUpload = true, string? session = null, PreparationState? work = null, bool isDeleted = false, bool hasFinalizer = true, string? progress = null,
        long? offset = null, long? length = null)
    {
        var metadata = new JsonObject { ["name"] = "m", ["namespace"] = "ns", ["uid"] = "u", ["generation"] = 3 };
        if (isDeleted)
        {
            metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z";
        }

        if (hasFinalizer)
        {
            metadata["finalizers"] = new JsonArray(Finalizers.Cleanup);
        }

        var model = new JsonObject
        {
            ["metadata"] = metadata,
            ["spec"] = new JsonObject { ["source"] = isUpload ? new JsonObject { ["upload"] = new JsonObject() } : new JsonObject { ["url"] = "https://huggingface.co/a/b" } },
            ["status"] = new JsonObject { ["phase"] = phase, ["progress"] = progress },
        };
        return new ModelFacts
        {
            Model = ModelObject.Of(ResourceTypes.Models, model),
            Upload = session is null ? null : new UploadSessionStatus { State = session, OffsetBytes = offset, LengthBytes = length },
            Work = work ?? new PreparationState.Idle(),
            Now = Now,
        };
    }
}
