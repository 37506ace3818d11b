using Microsoft.Extensions.DependencyInjection.Extensions;

namespace AiModels.Controllers.Delivery.Webhook;

/// <summary>Registers the webhook; needs AddDelivery's modes.</summary>
internal static class WebhookServices
{
    public static IServiceCollection AddDeliveryWebhook(this IServiceCollection services, WebhookOptions options)
    {
        services.AddSingleton(options);
        services.TryAddSingleton<AdmissionMutation>();
        services.TryAddSingleton<PodGate>();
        services.TryAddSingleton<AdmissionRules>();
        services.TryAddSingleton<WebhookCertificate>();
        services.AddHostedService<WebhookServer>();
        return services;
    }
}
