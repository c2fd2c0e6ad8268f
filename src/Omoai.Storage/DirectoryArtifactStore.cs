using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Omoai.Pipeline.Artifacts;

namespace Omoai.Storage;

/// <summary>Artifacts as files below one folder. A commit is a rename, so a reader sees all of a file or none of it.</summary>
public sealed partial class DirectoryArtifactStore : IArtifactStore
{
    // Hidden names are the store's own: artifacts can't have them.
    private const string TemporaryPrefix = ".tmp-";

    private readonly string _root;

    /// <param name="root">The folder; made when it isn't there.</param>
    public DirectoryArtifactStore(string root)
    {
        _root = Path.GetFullPath(root);
        Directory.CreateDirectory(_root);
    }

    public Task<string> FetchAsync(string artifact, string scratchFolder, CancellationToken cancellationToken)
    {
        var path = PathOf(artifact);
        return File.Exists(path)
            ? Task.FromResult(File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? path)
            : Task.FromException<string>(new FileNotFoundException($"There is no {artifact}.", artifact));
    }

    public Task<Stream?> OpenReadAsync(string artifact, CancellationToken cancellationToken)
    {
        try
        {
            return Task.FromResult<Stream?>(File.OpenRead(PathOf(artifact)));
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return Task.FromResult<Stream?>(null);
        }
    }

    public Task<bool> CommitAsync(string artifact, string file, CancellationToken cancellationToken)
    {
        var path = PathOf(artifact);
        var folder = Path.GetDirectoryName(path)!;
        Directory.CreateDirectory(folder);

        // The file may lie on another disk, where a move is a copy: only the second step has to be atomic.
        var temporary = Path.Combine(folder, TemporaryPrefix + Path.GetRandomFileName());
        File.Move(file, temporary);
        try
        {
            return Task.FromResult(TryName(temporary, path));
        }
        finally
        {
            File.Delete(temporary);
        }
    }

    /// <summary>Gives a file a name that isn't taken, in one step; false when it is taken.</summary>
    private static bool TryName(string file, string name)
    {
        if (!OperatingSystem.IsWindows())
        {
            // File.Move looks first and renames then: of two at once both would win.
            if (Link(file, name) == 0)
            {
                return true;
            }

            const int AlreadyThere = 17;
            if (Marshal.GetLastPInvokeError() == AlreadyThere)
            {
                return false;
            }
        }

        try
        {
            File.Move(file, name, overwrite: false);
            return true;
        }
        catch (IOException) when (File.Exists(name))
        {
            return false;
        }
    }

    [LibraryImport("libc", EntryPoint = "link", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Link(string existing, string name);

    /// <summary>Makes a file outside the store one of its artifacts without a copy, by a symbolic link.</summary>
    /// <exception cref="IOException">The artifact is there already, or the disk has no links.</exception>
    public void AddLink(string artifact, string file)
    {
        var path = PathOf(artifact);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.CreateSymbolicLink(path, Path.GetFullPath(file));
    }

    public async IAsyncEnumerable<string> ListAsync(string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await Task.CompletedTask;
        foreach (var path in Matching(prefix))
        {
            cancellationToken.ThrowIfCancellationRequested();
            yield return path;
        }
    }

    public Task DeleteAsync(string prefix, CancellationToken cancellationToken)
    {
        foreach (var artifact in Matching(prefix))
        {
            cancellationToken.ThrowIfCancellationRequested();
            File.Delete(PathOf(artifact));
        }

        return Task.CompletedTask;
    }

    private IReadOnlyList<string> Matching(string prefix)
    {
        // Only the folder that the prefix names is walked; what follows its last slash is compared.
        var slash = prefix.LastIndexOf('/');
        var folder = slash < 0 ? _root : PathOf(prefix[..slash]);
        return Directory.Exists(folder)
            ? [.. Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories)
                .Where(path => !Path.GetFileName(path).StartsWith(TemporaryPrefix, StringComparison.Ordinal))
                .Select(path => Path.GetRelativePath(_root, path).Replace(Path.DirectorySeparatorChar, '/'))
                .Where(artifact => artifact.StartsWith(prefix, StringComparison.Ordinal))
                .Order(StringComparer.Ordinal)]
            : [];
    }

    private string PathOf(string artifact)
    {
        var segments = artifact.Split('/');
        if (segments.Any(segment => segment.Length == 0 || segment[0] == '.' || segment.AsSpan().IndexOfAny('\\', '\0', ':') >= 0))
        {
            throw new ArgumentException($"'{artifact}' isn't the name of an artifact.", nameof(artifact));
        }

        return Path.Combine([_root, .. segments]);
    }
}
