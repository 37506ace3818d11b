using AiModels.ApiMachinery.Resources;

namespace AiModels.ApiMachinery.Admission;

/// <summary>Calls all validating webhooks that are concerned at the same time; the refusal of the first in their order is the answer.</summary>
internal sealed class ValidatingWebhooks(IWebhookSource source, WebhookCall call, TimeProvider time) : IAdmission
{
    public async ValueTask ValidateAsync(AdmissionRequest request, CancellationToken cancellationToken)
    {
        await AdmissionReadiness.RequireAsync(source.Synced, request, time, cancellationToken);
        List<Task> asked = [];
        foreach (Webhook webhook in await source.GetAsync(isMutating: false, cancellationToken))
        {
            if (await WebhookMatcher.MatchesAsync(webhook, request, source, cancellationToken))
            {
                asked.Add(call.AskAsync(webhook, request, isMutating: false, cancellationToken));
            }
        }

        await Task.WhenAll(asked).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        foreach (Task answer in asked)
        {
            await answer;
        }
    }
}
