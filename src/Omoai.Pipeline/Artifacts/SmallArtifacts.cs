using Omoai.Pipeline.Activities;

namespace Omoai.Pipeline.Artifacts;

/// <summary>Artifacts that are a line of text.</summary>
internal static class SmallArtifacts
{
    /// <summary>Commits a text; see <see cref="IArtifactStore.CommitAsync"/>.</summary>
    public static async Task<bool> CommitTextAsync(
        this IArtifactStore store, string artifact, string text, string? scratchFolder, CancellationToken cancellationToken)
    {
        using var scratch = ScratchFolder.Create(scratchFolder);
        var file = scratch.File("text");
        await File.WriteAllTextAsync(file, text, cancellationToken);
        return await store.CommitAsync(artifact, file, cancellationToken);
    }

    public static async Task<bool> ExistsAsync(this IArtifactStore store, string artifact, CancellationToken cancellationToken)
    {
        await using var stream = await store.OpenReadAsync(artifact, cancellationToken);
        return stream is not null;
    }
}
