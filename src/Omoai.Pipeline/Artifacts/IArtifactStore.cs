namespace Omoai.Pipeline.Artifacts;

/// <summary>
/// Where recordings, intermediate artifacts and outputs lie. An artifact is named <c>container/path</c>, with plain
/// segments joined by <c>/</c> (<see cref="ArtifactNames"/>), and is written once: activities run at least once, and
/// the attempt that commits first wins.
/// </summary>
public interface IArtifactStore
{
    /// <summary>Makes an artifact readable as a local file.</summary>
    /// <param name="artifact">The artifact.</param>
    /// <param name="scratchFolder">Where a store that isn't on this machine's disk puts the copy.</param>
    /// <param name="cancellationToken">Stops the transfer.</param>
    /// <returns>The path; only to be read, and valid as long as the scratch folder is.</returns>
    /// <exception cref="FileNotFoundException">There is no such artifact.</exception>
    Task<string> FetchAsync(string artifact, string scratchFolder, CancellationToken cancellationToken);

    /// <summary>Opens an artifact, or gives null when there is none.</summary>
    Task<Stream?> OpenReadAsync(string artifact, CancellationToken cancellationToken);

    /// <summary>Commits a local file as an artifact; the file may be moved away.</summary>
    /// <returns>False when the artifact was there already; it stays as it was.</returns>
    Task<bool> CommitAsync(string artifact, string file, CancellationToken cancellationToken);

    /// <summary>The artifacts whose names start with <paramref name="prefix"/>, in ordinal order.</summary>
    IAsyncEnumerable<string> ListAsync(string prefix, CancellationToken cancellationToken);

    /// <summary>Deletes the artifacts whose names start with <paramref name="prefix"/>.</summary>
    Task DeleteAsync(string prefix, CancellationToken cancellationToken);
}
