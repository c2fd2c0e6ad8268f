using System.Text;

namespace Omoai.Pipeline.Artifacts;

/// <summary>Artifacts that are a line of text.</summary>
public static class SmallArtifacts
{
    /// <inheritdoc cref="IArtifactStore.CommitAsync(string, Stream, CancellationToken)"/>
    public static async Task<bool> CommitTextAsync(
        this IArtifactStore store, string artifact, string text, CancellationToken cancellationToken)
    {
        using var content = new MemoryStream(Encoding.UTF8.GetBytes(text));
        return await store.CommitAsync(artifact, content, cancellationToken);
    }

    public static async Task<bool> ExistsAsync(this IArtifactStore store, string artifact, CancellationToken cancellationToken) =>
        await store.FindAsync(artifact, cancellationToken) is not null;
}
