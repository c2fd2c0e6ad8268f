namespace Omoai.Pipeline.Artifacts;

/// <summary>
/// Where recordings, intermediate artifacts and outputs lie. An artifact is named <c>container/path</c>
/// (<see cref="ArtifactNames"/>), and is written once: activities run at least once, and the attempt that commits first
/// wins. Paths that we make are plain segments joined by <c>/</c>; the path of a recording may be any name that the
/// store itself has, and nothing on this machine is ever named after one.
/// </summary>
/// <remarks>
/// Every member throws <see cref="ArgumentException"/> for a name that isn't one, or that the store can't hold, and
/// <see cref="IOException"/> where it can't be done: <see cref="ArtifactStoreException"/> where a store that isn't on this
/// machine doesn't answer or refuses. Another attempt may help.
/// </remarks>
public interface IArtifactStore
{
    /// <summary>What is known of an artifact; null when there is none.</summary>
    Task<ArtifactInfo?> FindAsync(string artifact, CancellationToken cancellationToken);

    /// <summary>Makes an artifact readable as a local file.</summary>
    /// <param name="artifact">The artifact.</param>
    /// <param name="version">The version it must have, as <see cref="ArtifactInfo.Version"/>; null takes any.</param>
    /// <param name="scratchFolder">Where a store that isn't on this machine's disk puts the copy.</param>
    /// <param name="cancellationToken">Stops the transfer.</param>
    /// <returns>The path; only to be read, and valid as long as the scratch folder is.</returns>
    /// <exception cref="FileNotFoundException">There is no such artifact, or not in that version.</exception>
    Task<string> FetchAsync(string artifact, string? version, string scratchFolder, CancellationToken cancellationToken);

    /// <summary>Opens an artifact, or gives null when there is none. The stream reads forward.</summary>
    Task<Stream?> OpenReadAsync(string artifact, CancellationToken cancellationToken);

    /// <summary>Commits a local file as an artifact; the file may be moved away.</summary>
    /// <returns>False when the artifact was there already; it stays as it was.</returns>
    Task<bool> CommitAsync(string artifact, string file, CancellationToken cancellationToken);

    /// <summary>Commits what a stream gives, of any length, without holding it in memory. When the stream throws, that goes
    /// through to the caller and nothing is committed.</summary>
    /// <returns>False when the artifact was there already; it stays as it was.</returns>
    Task<bool> CommitAsync(string artifact, Stream content, CancellationToken cancellationToken);

    /// <summary>The artifacts whose names start with <paramref name="prefix"/>, in ordinal order.</summary>
    /// <param name="prefix">A container, a slash, and the start of a path, which may be empty.</param>
    /// <param name="cancellationToken">Stops the listing.</param>
    IAsyncEnumerable<ArtifactInfo> ListAsync(string prefix, CancellationToken cancellationToken);

    /// <summary>Deletes the artifacts whose names start with <paramref name="prefix"/>; see <see cref="ListAsync"/>.</summary>
    Task DeleteAsync(string prefix, CancellationToken cancellationToken);

    /// <summary>Deletes one artifact, and none whose name only starts like it. Nothing happens where it isn't there.</summary>
    /// <param name="artifact">The artifact.</param>
    /// <param name="version">Another version of it stays; null deletes any.</param>
    /// <param name="cancellationToken">Stops it.</param>
    Task DeleteExactAsync(string artifact, string? version, CancellationToken cancellationToken);

    /// <summary>A short-lived URL that an artifact can be written to, and not read from, without passing through us.</summary>
    /// <param name="artifact">The artifact, of plain segments; whoever has the URL can write it more than once.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <returns>Null where the store has no URLs.</returns>
    Task<UploadUrl?> CreateUploadUrlAsync(string artifact, CancellationToken cancellationToken);
}

/// <summary>What is known of an artifact without reading it.</summary>
/// <param name="Name">The artifact, <c>container/path</c>.</param>
/// <param name="Version">Another content has another one: an ETag without its quotes, or a file's length and time.</param>
/// <param name="Length">Bytes.</param>
public sealed record ArtifactInfo(string Name, string Version, long Length);

/// <summary>See <see cref="IArtifactStore.CreateUploadUrlAsync"/>. Not a record: the URL is a secret, not to be printed by the way.</summary>
public sealed class UploadUrl(Uri url, DateTimeOffset expiresAt)
{
    public Uri Url { get; } = url;

    /// <summary>UTC.</summary>
    public DateTimeOffset ExpiresAt { get; } = expiresAt;
}
