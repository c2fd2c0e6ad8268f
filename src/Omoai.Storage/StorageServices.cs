using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Omoai.Pipeline.Artifacts;

namespace Omoai.Storage;

public static class StorageServices
{
    /// <summary>Keeps artifacts below a folder of this machine.</summary>
    public static IServiceCollection AddOmoaiDirectoryStorage(this IServiceCollection services, string root) => services
        .AddSingleton(new DirectoryArtifactStore(root))
        .AddSingleton<IArtifactStore>(provider => provider.GetRequiredService<DirectoryArtifactStore>());

    /// <summary>Keeps artifacts in the storage account that <see cref="StorageOptions"/> name; these are checked when the
    /// host starts, or when they are first used.</summary>
    public static IServiceCollection AddOmoaiBlobStorage(this IServiceCollection services)
    {
        services.AddOptions<StorageOptions>().BindConfiguration(StorageOptions.Section).ValidateDataAnnotations().ValidateOnStart();
        services.TryAddSingleton(TimeProvider.System);
        return services
            .AddSingleton(provider => BlobClients.Create(provider.GetRequiredService<IOptions<StorageOptions>>().Value))
            .AddSingleton<BlobArtifactStore>()
            .AddSingleton<IArtifactStore>(provider => provider.GetRequiredService<BlobArtifactStore>());
    }

    /// <summary>Makes the store ready when the host starts.</summary>
    public static IServiceCollection AddOmoaiStorageOpening(this IServiceCollection services) =>
        services.AddHostedService<StorageOpening>();
}
