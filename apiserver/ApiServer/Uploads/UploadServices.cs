using AiModels.ApiServer.Storage;

namespace AiModels.ApiServer.Uploads;

/// <summary>Registers uploads.</summary>
internal static class UploadServices
{
    public static IServiceCollection AddUploads(this IServiceCollection services, ApiServerOptions options) => services
        .AddSingleton(new UploadOptions
        {
            ExternalUrl = options.UploadBase,
            Lifetime = options.UploadLifetime,
            RequireLength = options.RequireUploadLength,
            MaximumLength = options.MaxUploadSize,
            IsShared = StorageEngines.IsShared(options.Storage),
        })
        .AddSingleton<UploadJournal>()
        .AddSingleton<UploadTokens>()
        .AddSingleton<UploadAnnouncer>()
        .AddSingleton<ActiveUploads>()
        .AddSingleton<ParkedTransfers>()
        .AddSingleton<UploadRoom>()
        .AddSingleton<UploadClaims>()
        .AddSingleton<UploadSessions>()
        .AddSingleton<UploadReceiver>()
        .AddHostedService<UploadSweep>();
}
