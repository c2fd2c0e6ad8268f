using System.Globalization;
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

    /// <summary>The folder that people put recordings into.</summary>
    public string UploadFolder => Directory.CreateDirectory(Path.Combine(_root, ArtifactNames.InputContainer)).FullName;

    public Task<ArtifactInfo?> FindAsync(string artifact, CancellationToken cancellationToken) =>
        Task.FromResult(InfoOf(artifact, PathOf(artifact)));

    public Task<string> FetchAsync(string artifact, string? version, string scratchFolder, CancellationToken cancellationToken)
    {
        var path = PathOf(artifact);
        return InfoOf(artifact, path) is { } info && (version ?? info.Version) == info.Version
            ? Task.FromResult(Target(path).FullName)
            : Task.FromException<string>(
                new FileNotFoundException($"There is no {artifact}{(version is null ? "" : $" of version {version}")}.", artifact));
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

    public Task<bool> CommitAsync(string artifact, string file, CancellationToken cancellationToken) =>
        // The file may lie on another disk, where a move is a copy: only the second step has to be atomic.
        CommitAsync(artifact, temporary =>
        {
            File.Move(file, temporary);
            return Task.CompletedTask;
        });

    public Task<bool> CommitAsync(string artifact, Stream content, CancellationToken cancellationToken) =>
        CommitAsync(artifact, async temporary =>
        {
            await using var file = new FileStream(temporary, FileMode.CreateNew);
            await content.CopyToAsync(file, cancellationToken);
        });

    private async Task<bool> CommitAsync(string artifact, Func<string, Task> write)
    {
        var path = PathOf(artifact);
        var folder = Path.GetDirectoryName(path)!;
        Directory.CreateDirectory(folder);
        var temporary = Path.Combine(folder, TemporaryPrefix + Path.GetRandomFileName());
        try
        {
            await write(temporary);
            return TryName(temporary, path);
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

    public async IAsyncEnumerable<ArtifactInfo> ListAsync(string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await Task.CompletedTask;
        foreach (var artifact in Matching(prefix))
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (InfoOf(artifact, PathOf(artifact)) is { } info)
            {
                yield return info;
            }
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

    public Task DeleteExactAsync(string artifact, string? version, CancellationToken cancellationToken)
    {
        var path = PathOf(artifact);
        if (InfoOf(artifact, path) is { } info && (version ?? info.Version) == info.Version)
        {
            File.Delete(path);
        }

        return Task.CompletedTask;
    }

    public Task<UploadUrl?> CreateUploadUrlAsync(string artifact, CancellationToken cancellationToken) => Task.FromResult<UploadUrl?>(null);

    /// <summary>Deletes what commits of a killed process left behind, in all containers.</summary>
    /// <remarks>For whoever has the folder to itself: a commit under way, also of another process, loses its file.</remarks>
    public void DeleteTemporaries()
    {
        // A link to a folder is nothing of ours, and may lead anywhere.
        var everywhere = new EnumerationOptions
        {
            RecurseSubdirectories = true,
            AttributesToSkip = FileAttributes.ReparsePoint,
            IgnoreInaccessible = false,
        };
        foreach (var container in ArtifactPath.Containers.Select(name => Path.Combine(_root, name)).Where(Directory.Exists))
        {
            foreach (var temporary in Directory.EnumerateFiles(container, TemporaryPrefix + "*", everywhere))
            {
                File.Delete(temporary);
            }
        }
    }

    private IReadOnlyList<string> Matching(string prefix)
    {
        // Only the folder that the prefix names is walked; what follows its last slash is compared.
        var slash = prefix.LastIndexOf('/');
        var (container, _) = ArtifactPath.Split(prefix);
        var folder = slash == container.Length ? Path.Combine(_root, container) : PathOf(prefix[..slash]);
        return Directory.Exists(folder)
            ? [.. Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories)
                .Where(path => !Path.GetFileName(path).StartsWith(TemporaryPrefix, StringComparison.Ordinal))
                .Select(path => Path.GetRelativePath(_root, path).Replace(Path.DirectorySeparatorChar, '/'))
                .Where(artifact => artifact.StartsWith(prefix, StringComparison.Ordinal))
                .Order(StringComparer.Ordinal)]
            : [];
    }

    private static ArtifactInfo? InfoOf(string artifact, string path)
    {
        var file = Target(path);
        return file.Exists
            ? new ArtifactInfo(artifact, string.Create(CultureInfo.InvariantCulture, $"{file.Length}-{file.LastWriteTimeUtc.Ticks}"), file.Length)
            : null;
    }

    /// <summary>The file itself, where it is a link.</summary>
    private static FileInfo Target(string path) =>
        Path.Exists(path) && File.ResolveLinkTarget(path, returnFinalTarget: true) is FileInfo target ? target : new FileInfo(path);

    private string PathOf(string artifact)
    {
        _ = ArtifactPath.Split(artifact);
        return Path.Combine([_root, .. ArtifactPath.PlainSegments(artifact)]);
    }
}
