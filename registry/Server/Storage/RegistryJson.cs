using System.Text.Json.Serialization;
using AiModels.Registry.Api;
using AiModels.Registry.Capacity;
using AiModels.Registry.GarbageCollection;
using AiModels.Registry.Grants;
using AiModels.Registry.Inspection;
using AiModels.Registry.Integrity;

namespace AiModels.Registry.Storage;

/// <summary>The small documents of storage and API.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, UseStringEnumConverter = true)]
[JsonSerializable(typeof(ManifestLink))]
[JsonSerializable(typeof(UploadSessionDocument))]
[JsonSerializable(typeof(UploadClaim))]
[JsonSerializable(typeof(ReferrerDescriptor))]
[JsonSerializable(typeof(ReferrersAnswer))]
[JsonSerializable(typeof(TagsAnswer))]
[JsonSerializable(typeof(ErrorsAnswer))]
[JsonSerializable(typeof(TokenAnswer))]
[JsonSerializable(typeof(CleanupRequest))]
[JsonSerializable(typeof(CollectionState))]
[JsonSerializable(typeof(Revocation))]
[JsonSerializable(typeof(Revocation[]))]
[JsonSerializable(typeof(RevocationRequest))]
[JsonSerializable(typeof(ScrubState))]
[JsonSerializable(typeof(IntegrityStatement))]
[JsonSerializable(typeof(RepositoryIntegrity))]
[JsonSerializable(typeof(UsageReport))]
[JsonSerializable(typeof(DigestReport))]
[JsonSerializable(typeof(CollectionPlan))]
[JsonSerializable(typeof(RunningCollection))]
[JsonSerializable(typeof(CollectionStatement))]
[JsonSerializable(typeof(Reservation))]
[JsonSerializable(typeof(ReservationRequest))]
[JsonSerializable(typeof(ReservationStatement))]
[JsonSerializable(typeof(CapacityStatement))]
[JsonSerializable(typeof(RepositoryOwner))]
[JsonSerializable(typeof(TransferAccount[]))]
internal sealed partial class RegistryJson : JsonSerializerContext;
