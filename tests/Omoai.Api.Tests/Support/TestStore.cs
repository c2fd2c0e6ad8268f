using Omoai.Pipeline.Artifacts;

namespace Omoai.Api.Tests.Support;

/// <summary>A store that fails, waits, or has URLs, when a test wants it to.</summary>
internal sealed class TestStore(IArtifactStore inner) : IArtifactStore
{
    /// <summary>Thrown by every call, where it is set.</summary>
    public Exception? Fault { get; set; }

    /// <summary>What every upload URL is; null for a store without.</summary>
    public UploadUrl? UploadUrl { get; set; }

    /// <summary>Awaited before a stream is committed.</summary>
    public Func<Task> BeforeCommit { get; set; } = () => Task.CompletedTask;

    public Task<ArtifactInfo?> FindAsync(string artifact, CancellationToken cancellationToken) =>
        Sound().FindAsync(artifact, cancellationToken);

    public Task<string> FetchAsync(string artifact, string? version, string scratchFolder, CancellationToken cancellationToken) =>
        Sound().FetchAsync(artifact, version, scratchFolder, cancellationToken);

    public Task<Stream?> OpenReadAsync(string artifact, CancellationToken cancellationToken) =>
        Sound().OpenReadAsync(artifact, cancellationToken);

    public Task<bool> CommitAsync(string artifact, string file, CancellationToken cancellationToken) =>
        Sound().CommitAsync(artifact, file, cancellationToken);

    public async Task<bool> CommitAsync(string artifact, Stream content, CancellationToken cancellationToken)
    {
        await BeforeCommit();
        return await Sound().CommitAsync(artifact, content, cancellationToken);
    }

    public IAsyncEnumerable<ArtifactInfo> ListAsync(string prefix, CancellationToken cancellationToken) =>
        Sound().ListAsync(prefix, cancellationToken);

    public Task DeleteAsync(string prefix, CancellationToken cancellationToken) => Sound().DeleteAsync(prefix, cancellationToken);

    public Task DeleteExactAsync(string artifact, string? version, CancellationToken cancellationToken) =>
        Sound().DeleteExactAsync(artifact, version, cancellationToken);

    public Task<UploadUrl?> CreateUploadUrlAsync(string artifact, CancellationToken cancellationToken) =>
        UploadUrl is null ? Sound().CreateUploadUrlAsync(artifact, cancellationToken) : Task.FromResult<UploadUrl?>(UploadUrl);

    private IArtifactStore Sound() => Fault is null ? inner : throw Fault;
}
