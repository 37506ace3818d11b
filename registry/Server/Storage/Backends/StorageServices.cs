using AiModels.Registry.Capacity;
using AiModels.Registry.Storage.Backends.FileSystem;
using AiModels.Registry.Storage.Backends.S3;

namespace AiModels.Registry.Storage.Backends;

/// <summary>Registers the backend that the options name.</summary>
internal static class StorageServices
{
    public static IServiceCollection AddStorage(this IServiceCollection services, RegistryOptions options)
    {
        if (options.StorageBucket is { } bucket)
        {
            services.AddS3(options, bucket);
        }
        else
        {
            services.AddSingleton(new FileSystemOptions { Root = options.StorageFolder! });
            services.AddSingleton<FileSystemBackend>();
        }

        services.AddSingleton<IStorageBackend>(provider => new CapacityBackend(
            new MeasuredBackend(
                options.StorageBucket is null ? provider.GetRequiredService<FileSystemBackend>() : provider.GetRequiredService<S3Backend>(), provider.GetRequiredService<RegistryMetrics>()),
            provider.GetRequiredService<CapacityLedger>()));
        return services;
    }

    private static void AddS3(this IServiceCollection services, RegistryOptions options, string bucket)
    {
        services.AddSingleton(new S3Options
        {
            Bucket = bucket,
            CredentialsFolder = options.S3Credentials!,
            Endpoint = options.S3Endpoint is null ? null : new Uri(options.S3Endpoint),
            Region = options.S3Region,
            UsePathStyle = options.S3PathStyle,
            CaFile = options.S3CaFile,
            IsInsecure = options.S3Insecure,
            Verification = options.S3Verification,
            AbandonedAfter = options.UploadExpiry,
        });
        services.AddSingleton<S3Backend>();
        services.AddHostedService<S3Janitor>();
    }
}
