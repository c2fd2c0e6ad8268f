using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Omoai.Pipeline.Artifacts;

namespace Omoai.Storage;

/// <summary>Makes the store ready before anything uses it: containers that people can put recordings into, and nothing left of
/// commits that a killed server had begun.</summary>
internal sealed partial class StorageOpening(IServiceProvider services, ILogger<StorageOpening> logger) : IHostedService
{
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        services.GetService<DirectoryArtifactStore>()?.DeleteTemporaries();
        try
        {
            if (services.GetService<BlobArtifactStore>() is { } blobs)
            {
                await blobs.CreateContainersAsync(cancellationToken);
            }
        }
        catch (ArtifactStoreException e)
        {
            // Not a reason not to start: containers are made when they are missed, too.
            LogAway(logger, e.Message);
        }
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    [LoggerMessage(Level = LogLevel.Warning, Message = "The storage can't be reached: {Reason}")]
    private static partial void LogAway(ILogger logger, string reason);
}
