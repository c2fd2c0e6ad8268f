using System.Buffers;
using System.Runtime.CompilerServices;
using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;
using Azure.Storage.Sas;
using Microsoft.Extensions.Options;
using Omoai.Pipeline.Artifacts;

namespace Omoai.Storage;

/// <summary>Artifacts as blobs of a storage account. Containers are made when they are missed.</summary>
public sealed class BlobArtifactStore(BlobServiceClient service, IOptions<StorageOptions> options, TimeProvider time) : IArtifactStore
{
    // What an upload holds in memory.
    private const int BlockBytes = 8 << 20;

    // Metadata by which a commit is known again.
    private const string CommitKey = "omoaicommit";

    private readonly StorageOptions _options = options.Value;

    /// <summary>Makes the containers that aren't there yet, so that people can put recordings into them.</summary>
    /// <exception cref="ArtifactStoreException">The store doesn't answer or refuses.</exception>
    public async Task CreateContainersAsync(CancellationToken cancellationToken)
    {
        foreach (var container in _options.Containers)
        {
            await GuardAsync(cancellationToken, () =>
                service.GetBlobContainerClient(container).CreateIfNotExistsAsync(cancellationToken: cancellationToken));
        }
    }

    public Task<ArtifactInfo?> FindAsync(string artifact, CancellationToken cancellationToken)
    {
        var (_, blob) = BlobOf(artifact);
        return GuardAsync(cancellationToken, async () =>
            await PropertiesAsync(blob, cancellationToken) is { } properties
                ? new ArtifactInfo(artifact, Version(properties.ETag), properties.ContentLength)
                : null);
    }

    public async Task<string> FetchAsync(string artifact, string? version, string scratchFolder, CancellationToken cancellationToken)
    {
        await using var content = await OpenAsync(artifact, version, cancellationToken)
            ?? throw new FileNotFoundException($"There is no {artifact}{(version is null ? "" : $" of version {version}")}.", artifact);
        var path = Path.Combine(scratchFolder, $"artifact-{Guid.NewGuid():n}");
        await using var file = new FileStream(path, FileMode.CreateNew);
        await content.CopyToAsync(file, cancellationToken);
        return path;
    }

    public Task<Stream?> OpenReadAsync(string artifact, CancellationToken cancellationToken) =>
        OpenAsync(artifact, null, cancellationToken);

    public async Task<bool> CommitAsync(string artifact, string file, CancellationToken cancellationToken)
    {
        await using var content = File.OpenRead(file);
        return await CommitAsync(artifact, content, cancellationToken);
    }

    public async Task<bool> CommitAsync(string artifact, Stream content, CancellationToken cancellationToken)
    {
        var (container, blob) = BlobOf(artifact);
        var metadata = new Dictionary<string, string> { [CommitKey] = Guid.NewGuid().ToString("n") };
        var buffer = ArrayPool<byte>.Shared.Rent(BlockBytes);
        try
        {
            // In blocks even where there is but one: where a lost attempt left blocks behind, Azurite takes them for a blob and
            // refuses a conditional put in one request.
            var blocks = new List<string>();
            while (await ReadBlockAsync() is > 0 and var length)
            {
                // Not numbered, as the SDK does: attempts at the same time would mix each other's blocks.
                var block = Convert.ToBase64String(Guid.NewGuid().ToByteArray());
                await GuardAsync(cancellationToken, () => InContainerAsync(() =>
                    blob.StageBlockAsync(block, new MemoryStream(buffer, 0, length, writable: false), cancellationToken: cancellationToken)));
                blocks.Add(block);
            }

            var commit = new CommitBlockListOptions { Metadata = metadata, Conditions = new() { IfNoneMatch = ETag.All } };
            return await GuardAsync(cancellationToken, () => SettleAsync(() =>
                InContainerAsync(() => blob.CommitBlockListAsync(blocks, commit, cancellationToken))));

            Task<int> ReadBlockAsync() =>
                content.ReadAtLeastAsync(buffer.AsMemory(0, BlockBytes), BlockBytes, throwOnEndOfStream: false, cancellationToken).AsTask();
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }

        async Task<bool> SettleAsync(Func<Task> commit)
        {
            try
            {
                await commit();
                return true;
            }
            catch (RequestFailedException e) when (e.ErrorCode is { } code && (
                code == BlobErrorCode.BlobAlreadyExists || code == BlobErrorCode.ConditionNotMet || code == BlobErrorCode.InvalidBlockList))
            {
                // Another attempt won; or this one did, and the SDK tried again because it missed the answer.
                var there = await PropertiesAsync(blob, cancellationToken);
                if (there is null)
                {
                    throw;
                }

                return there.Metadata.TryGetValue(CommitKey, out var winner) && winner == metadata[CommitKey];
            }
        }

        async Task<T> InContainerAsync<T>(Func<Task<T>> write)
        {
            try
            {
                return await write();
            }
            catch (RequestFailedException e) when (e.ErrorCode == BlobErrorCode.ContainerNotFound)
            {
                await container.CreateIfNotExistsAsync(cancellationToken: cancellationToken);
                return await write();
            }
        }
    }

    public async IAsyncEnumerable<ArtifactInfo> ListAsync(string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var (name, path) = ArtifactPath.Split(prefix);
        await using var blobs = ContainerOf(name)
            .GetBlobsAsync(BlobTraits.None, BlobStates.None, path, cancellationToken).GetAsyncEnumerator(cancellationToken);
        while (await GuardAsync(cancellationToken, MoveNextAsync))
        {
            var blob = blobs.Current;
            yield return new ArtifactInfo($"{name}/{blob.Name}", Version(blob.Properties.ETag!.Value), blob.Properties.ContentLength ?? 0);
        }

        async Task<bool> MoveNextAsync()
        {
            try
            {
                return await blobs.MoveNextAsync();
            }
            catch (RequestFailedException e) when (e.ErrorCode == BlobErrorCode.ContainerNotFound)
            {
                return false;
            }
        }
    }

    public async Task DeleteAsync(string prefix, CancellationToken cancellationToken)
    {
        await foreach (var artifact in ListAsync(prefix, cancellationToken))
        {
            await DeleteExactAsync(artifact.Name, null, cancellationToken);
        }
    }

    public Task DeleteExactAsync(string artifact, string? version, CancellationToken cancellationToken)
    {
        var (_, blob) = BlobOf(artifact);
        return GuardAsync(cancellationToken, async () =>
        {
            try
            {
                return await blob.DeleteIfExistsAsync(DeleteSnapshotsOption.IncludeSnapshots, IfVersion(version), cancellationToken);
            }
            catch (RequestFailedException e) when (e.ErrorCode == BlobErrorCode.ConditionNotMet)
            {
                return null;
            }
        });
    }

    public async Task<UploadUrl?> CreateUploadUrlAsync(string artifact, CancellationToken cancellationToken)
    {
        _ = ArtifactPath.PlainSegments(artifact);
        var (container, _) = BlobOf(artifact);
        var blob = container.GetBlobClient(ArtifactPath.Split(artifact).Path);
        var expiresAt = time.GetUtcNow().ToUniversalTime() + _options.UploadUrlLifetime;
        var sas = new BlobSasBuilder(BlobSasPermissions.Write, expiresAt)
        {
            BlobContainerName = container.Name,
            BlobName = blob.Name,
            Resource = "b",
            Protocol = blob.Uri.Scheme == Uri.UriSchemeHttps ? SasProtocol.Https : SasProtocol.HttpsAndHttp,
        };
        return await GuardAsync(cancellationToken, async () =>
        {
            await container.CreateIfNotExistsAsync(cancellationToken: cancellationToken);
            if (blob.CanGenerateSasUri)
            {
                return new UploadUrl(blob.GenerateSasUri(sas), expiresAt);
            }

            // Without the account's key: signed with one that the account lends us.
            var key = await service.GetUserDelegationKeyAsync(null, expiresAt, cancellationToken);
            var url = new BlobUriBuilder(blob.Uri) { Sas = sas.ToSasQueryParameters(key.Value, service.AccountName) };
            return new UploadUrl(url.ToUri(), expiresAt);
        });
    }

    private Task<Stream?> OpenAsync(string artifact, string? version, CancellationToken cancellationToken)
    {
        var (_, blob) = BlobOf(artifact);
        return GuardAsync<Stream?>(cancellationToken, async () =>
        {
            try
            {
                var download = await blob.DownloadStreamingAsync(new BlobDownloadOptions { Conditions = IfVersion(version) }, cancellationToken);
                return new BlobReadStream(download.Value.Content, service.AccountName);
            }
            catch (RequestFailedException e) when (IsAbsent(e) || e.ErrorCode == BlobErrorCode.ConditionNotMet)
            {
                return null;
            }
        });
    }

    private static async Task<BlobProperties?> PropertiesAsync(BlockBlobClient blob, CancellationToken cancellationToken)
    {
        try
        {
            return await blob.GetPropertiesAsync(cancellationToken: cancellationToken);
        }
        catch (RequestFailedException e) when (IsAbsent(e))
        {
            return null;
        }
    }

    private Task<T> GuardAsync<T>(CancellationToken cancellationToken, Func<Task<T>> call) =>
        BlobFaults.GuardAsync(service.AccountName, cancellationToken, call);

    private (BlobContainerClient Container, BlockBlobClient Blob) BlobOf(string artifact)
    {
        var (name, path) = ArtifactPath.Split(artifact);
        var container = ContainerOf(name);
        return (container, service.GetBlob(container.Name, path));
    }

    private BlobContainerClient ContainerOf(string name) => service.GetBlobContainerClient(name switch
    {
        ArtifactNames.InputContainer => _options.InputContainer,
        ArtifactNames.ApiContainer => _options.ApiContainer,
        ArtifactNames.WorkContainer => _options.WorkContainer,
        _ => _options.OutputContainer,
    });

    private static bool IsAbsent(RequestFailedException e) =>
        e.ErrorCode is { } code && (code == BlobErrorCode.BlobNotFound || code == BlobErrorCode.ContainerNotFound);

    private static BlobRequestConditions? IfVersion(string? version) =>
        version is null ? null : new BlobRequestConditions { IfMatch = new ETag($"\"{version.Trim('"')}\"") };

    private static string Version(ETag etag) => etag.ToString("G").Trim('"');
}
