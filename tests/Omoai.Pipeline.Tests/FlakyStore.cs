using Omoai.Pipeline.Artifacts;

namespace Omoai.Pipeline.Tests;

/// <summary>A store that can be away: then every call fails, as in an outage. It remembers what was fetched.</summary>
internal sealed class FlakyStore(IArtifactStore store) : IArtifactStore
{
    public const string Message = "The store is away.";

    public bool IsAway { get; set; }

    /// <summary>What somebody wanted, whether or not it was there.</summary>
    public List<string> Fetched { get; } = [];

    private IArtifactStore Store => IsAway ? throw new ArtifactStoreException(Message) : store;

    public Task<ArtifactInfo?> FindAsync(string artifact, CancellationToken cancellationToken) =>
        Store.FindAsync(artifact, cancellationToken);

    public Task<string> FetchAsync(string artifact, string? version, string scratchFolder, CancellationToken cancellationToken)
    {
        Fetched.Add(artifact);
        return Store.FetchAsync(artifact, version, scratchFolder, cancellationToken);
    }

    public Task<Stream?> OpenReadAsync(string artifact, CancellationToken cancellationToken) =>
        Store.OpenReadAsync(artifact, cancellationToken);

    public Task<bool> CommitAsync(string artifact, string file, CancellationToken cancellationToken) =>
        Store.CommitAsync(artifact, file, cancellationToken);

    public Task<bool> CommitAsync(string artifact, Stream content, CancellationToken cancellationToken) =>
        Store.CommitAsync(artifact, content, cancellationToken);

    public IAsyncEnumerable<ArtifactInfo> ListAsync(string prefix, CancellationToken cancellationToken) =>
        Store.ListAsync(prefix, cancellationToken);

    public Task DeleteAsync(string prefix, CancellationToken cancellationToken) => Store.DeleteAsync(prefix, cancellationToken);

    public Task DeleteExactAsync(string artifact, string? version, CancellationToken cancellationToken) =>
        Store.DeleteExactAsync(artifact, version, cancellationToken);

    public Task<UploadUrl?> CreateUploadUrlAsync(string artifact, CancellationToken cancellationToken) =>
        Store.CreateUploadUrlAsync(artifact, cancellationToken);
}
