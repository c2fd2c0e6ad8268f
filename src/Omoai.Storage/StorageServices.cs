using Microsoft.Extensions.DependencyInjection;
using Omoai.Pipeline.Artifacts;

namespace Omoai.Storage;

public static class StorageServices
{
    /// <summary>Keeps artifacts below a folder of this machine.</summary>
    public static IServiceCollection AddOmoaiDirectoryStorage(this IServiceCollection services, string root) => services
        .AddSingleton(new DirectoryArtifactStore(root))
        .AddSingleton<IArtifactStore>(provider => provider.GetRequiredService<DirectoryArtifactStore>());
}
