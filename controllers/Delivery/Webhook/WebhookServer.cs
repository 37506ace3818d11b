using System.Net;
using System.Text.Json.Nodes;
using AiModels.Contracts.WellKnown;
using AiModels.Hosting;
using AiModels.Hosting.Kubernetes;

namespace AiModels.Controllers.Delivery.Webhook;

/// <summary>
/// Serves the webhook and keeps it registered: certificate first, then the port, then the registration, so that the API server never calls into the void.
/// Both are looked at again and again: the certificate ends some day, and where somebody deletes the registration, Pods are made without models (requirement D3).
/// </summary>
internal sealed partial class WebhookServer(
    IKubernetesClient client, WebhookOptions options, WebhookCertificate certificate, AdmissionRules rules, TimeProvider time, ILogger<WebhookServer> logger)
    : BackgroundService
{
    // Two requests of each replica: little for the API, and few Pods are made meanwhile.
    private static readonly TimeSpan LookAgain = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(2);

    private WebApplication? _app;
    private string? _registered;

    /// <summary>Where it listens, once it does.</summary>
    public string? Address => _app?.Urls.FirstOrDefault();

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        if (_app is not null)
        {
            await _app.DisposeAsync();
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (true)
        {
            TimeSpan pause = LookAgain;
            try
            {
                await EnsureAsync(stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                Log.NotRegistered(logger, e.Message);
                pause = RetryAfter;
            }

            await Task.Delay(pause, time, stoppingToken);
        }
    }

    private async Task EnsureAsync(CancellationToken cancellationToken)
    {
        string bundle = await certificate.EnsureAsync(cancellationToken);
        if (_app is null)
        {
            WebApplication app = Build();
            await app.StartAsync(cancellationToken);
            _app = app;
        }

        JsonObject registration = await client.PatchAsync(
            ResourceTypes.MutatingWebhookConfigurations,
            null,
            WebhookConfiguration.Name,
            KubernetesPatch.Apply,
            WebhookConfiguration.Document(options, bundle),
            null,
            FieldManagers.Controllers,
            cancellationToken);
        string? version = (string?)registration["metadata"]?["resourceVersion"];
        if (version != _registered)
        {
            Log.Registered(logger, WebhookConfiguration.Name, options.Listen);
        }

        _registered = version;
    }

    /// <summary>An application of its own: the controllers' other port speaks plain HTTP.</summary>
    private WebApplication Build()
    {
        WebApplicationBuilder builder = ComponentHosting.CreateBuilder("controllers");
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(
            IPAddress.Parse(options.Listen.Host.Trim('[', ']')), options.Listen.Port, listen => listen.UseHttps(https => https.ServerCertificateSelector = (_, _) => certificate.Current)));
        WebApplication app = builder.Build();
        app.MapPost(AdmissionEndpoint.Path, http => AdmissionEndpoint.HandleAsync(http, rules));
        return app;
    }

    private static partial class Log
    {
        [LoggerMessage(40, LogLevel.Information, "Webhook {Name} is registered and listens on {Address}")]
        public static partial void Registered(ILogger logger, string name, Uri address);

        [LoggerMessage(41, LogLevel.Warning, "The webhook could not be registered; trying again: {Reason}")]
        public static partial void NotRegistered(ILogger logger, string reason);
    }
}
