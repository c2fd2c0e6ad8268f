using Azure.Core;
using Azure.Core.Pipeline;
using Azure.Identity;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Specialized;

namespace Omoai.Storage;

/// <summary>Makes the clients of an account.</summary>
internal static class BlobClients
{
    public static BlobServiceClient Create(StorageOptions options)
    {
        // Long enough for a restart of Azurite or a hiccup of the network; what lasts longer is the orchestrator's to retry.
        var clientOptions = new BlobClientOptions
        {
            Retry = { Mode = RetryMode.Exponential, MaxRetries = 4, Delay = TimeSpan.FromSeconds(0.5), MaxDelay = TimeSpan.FromSeconds(8) },
        };
        return options.AccountUri is { } account
            ? new BlobServiceClient(account, new DefaultAzureCredential(), clientOptions)
            : new BlobServiceClient(options.ConnectionString, clientOptions);
    }

    /// <summary>The client of a blob with any name.</summary>
    /// <remarks>
    /// The SDK's own way from a name to a client puts the name into the URL segment by segment, so that <c>../x</c> leads
    /// into another container and slashes at the ends get lost. Here the whole name is one escaped segment.
    /// </remarks>
    /// <exception cref="ArgumentException">No URL can name it.</exception>
    public static BlockBlobClient GetBlob(this BlobServiceClient service, string container, string name)
    {
        if (name is "" or "." or "..")
        {
            throw ArtifactPath.Invalid($"{container}/{name}");
        }

        var parent = service.GetBlobContainerClient(container).Uri;
        var uri = new Uri($"{parent.GetLeftPart(UriPartial.Path).TrimEnd('/')}/{Uri.EscapeDataString(name)}{parent.Query}");
        return BlobOf.Create(uri, ServiceOf.Options(service), ServiceOf.Pipeline(service));
    }

    // What the SDK offers to libraries like this one it offers to derived classes only.
    private sealed class ServiceOf : BlobServiceClient
    {
        public static HttpPipeline Pipeline(BlobServiceClient service) => GetHttpPipeline(service);

        public static BlobClientOptions Options(BlobServiceClient service) => GetClientOptions(service);
    }

    private sealed class BlobOf : BlockBlobClient
    {
        public static BlockBlobClient Create(Uri uri, BlobClientOptions options, HttpPipeline pipeline) => CreateClient(uri, options, pipeline);
    }
}
