using AiModels.Contracts.V1Alpha1;
using AiModels.Controllers.Preparation.Archives;
using AiModels.Controllers.Preparation.Formats;
using AiModels.Controllers.Preparation.Sources.Hubs;
using AiModels.Hosting.Kubernetes;
using AiModels.ModelPack.Client;
using AiModels.ModelPack.Format;

namespace AiModels.Controllers.Preparation.Pipeline;

/// <summary>What an exception means for a preparation: whose fault, in words, and whether it passes.</summary>
internal static class FailureTranslator
{
    public static StageOutcome Translate(Exception exception) => exception switch
    {
        InvalidArchiveException or InvalidModelFileException or ModelPackFormatException => StageOutcome.Failed(Reasons.PublicationFailed, exception.Message),

        RegistryException { IsInsufficientStorage: true } full => StageOutcome.Failed(
            Reasons.InsufficientStorage, $"The registry has no room for this model: {full.Detail ?? full.Message} Delete models that are not needed, or raise the limit, and create it again."),
        RegistryException { IsTransient: true } => StageOutcome.Retry(Reasons.PublicationFailed, $"The registry cannot serve right now: {exception.Message}"),

        // A grant that has just ended or a key that was just replaced: a new one is fetched with the next attempt.
        RegistryException { Status: System.Net.HttpStatusCode.Unauthorized or System.Net.HttpStatusCode.Forbidden } =>
            StageOutcome.Retry(Reasons.PublicationFailed, $"The registry refused the grant: {exception.Message}"),

        // Content that was stored has rotted since: the next attempt finds it missing and stores it again.
        RegistryException { IsContentMissing: true } => StageOutcome.Retry(Reasons.PublicationFailed, $"The registry has lost content: {exception.Message}"),
        RegistryException => StageOutcome.Failed(Reasons.PublicationFailed, $"The registry refused: {exception.Message}"),

        HubException { IsTransient: true } => StageOutcome.Retry(Reasons.PublicationFailed, exception.Message),
        HubException => StageOutcome.Failed(Reasons.PublicationFailed, exception.Message),

        KubernetesApiException => StageOutcome.Retry(Reasons.PublicationFailed, $"The API refused: {exception.Message}"),
        HttpRequestException or TimeoutException => StageOutcome.Retry(Reasons.PublicationFailed, $"A connection failed: {exception.Message}"),

        // Before IOException, of which it is none, but which readers throw beside it: stored bytes that are not what their digest says.
        InvalidDataException or FormatException => StageOutcome.Failed(Reasons.PublicationFailed, $"Stored bytes are not what was received: {exception.Message}"),
        IOException => StageOutcome.Retry(Reasons.PublicationFailed, $"A transfer failed: {exception.Message}"),
        _ => StageOutcome.Retry(Reasons.PublicationFailed, $"An unexpected error: {exception.Message}"),
    };

    /// <summary>Whether the exception is none of those that are to be expected: it belongs into the log with its stack.</summary>
    public static bool IsUnexpected(Exception exception) =>
        exception is not (InvalidArchiveException or InvalidModelFileException or RegistryException or HubException or KubernetesApiException or HttpRequestException
            or TimeoutException or InvalidDataException or FormatException or IOException);
}
