using AiModels.Hosting.Kubernetes;

namespace AiModels.ApiServer.Installation;

/// <summary>
/// <c>apiserver certificates</c>: what an installation's parts trust each other by, made without a certificate manager. Run once at the installation and once
/// a day after it, by a service account that can do nothing else; what is there and good is left alone.
/// </summary>
internal static class CertificatesCommand
{
    public static async Task<int> RunAsync(CertificatesOptions options, CancellationToken cancellationToken)
    {
        var client = new KubernetesClient(KubernetesConnection.Load(options.Kubeconfig), TimeProvider.System);
        try
        {
            await foreach (string change in new InstallationTrust(client, options, TimeProvider.System).EnsureAsync(cancellationToken))
            {
                await Console.Out.WriteLineAsync(change);
            }

            return 0;
        }
        catch (Exception cause) when (cause is KubernetesApiException or HttpRequestException)
        {
            await Console.Error.WriteLineAsync($"apiserver certificates: {cause.Message}");
            return 1;
        }
    }
}
