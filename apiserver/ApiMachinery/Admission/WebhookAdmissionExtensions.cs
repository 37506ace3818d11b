using AiModels.ApiMachinery.Resources;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace AiModels.ApiMachinery.Admission;

/// <summary>Registers the webhooks as guards on writes; the application registers the <see cref="IWebhookSource"/>.</summary>
public static class WebhookAdmissionExtensions
{
    /// <summary>To be called after NamespaceLifecycle was registered, which comes first upstream (contract AD1).</summary>
    public static IServiceCollection AddWebhookAdmission(this IServiceCollection services)
    {
        services.TryAddSingleton<WebhookClient>();
        services.TryAddSingleton<WebhookCall>();
        services.AddSingleton<IAdmission, MutatingWebhooks>();
        services.AddSingleton<IAdmission, ValidatingWebhooks>();
        return services;
    }
}
