using Omoai.Local.Commands;

namespace Omoai.Local.Server;

/// <summary>Where a server keeps everything of its own; one server at a time.</summary>
internal sealed class DataFolder : IDisposable
{
    private const UnixFileMode Private = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    private readonly FileStream _owner;

    private DataFolder(string path, FileStream owner)
    {
        (Path, _owner) = (path, owner);
        // What a server that was killed left behind: its hosts have ended with it.
        Empty(Scratch);
    }

    public string Path { get; }

    public string Journal => System.IO.Path.Combine(Path, "journal.db");

    /// <summary>Artifacts, where they are kept in a folder.</summary>
    public string Store => System.IO.Path.Combine(Path, "store");

    public string Azurite => System.IO.Path.Combine(Path, "azurite");

    /// <summary>Emptied at every start.</summary>
    public string Scratch => System.IO.Path.Combine(Path, "scratch");

    /// <summary>The key that was made for the API where none is configured.</summary>
    public string ApiKey => System.IO.Path.Combine(Path, "api-key");

    /// <summary>The usual place: <c>~/.local/share/omoai/server</c>.</summary>
    public static string Default => System.IO.Path.Combine(
        Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.DoNotVerify), "omoai", "server");

    /// <exception cref="UsageException">It can't be used, or another server uses it.</exception>
    public static DataFolder Open(string path)
    {
        path = System.IO.Path.GetFullPath(path);
        try
        {
            CreatePrivate(path);
            // Given back by the kernel, however this process ends.
            return new DataFolder(path, new FileStream(
                System.IO.Path.Combine(path, "server.lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
        }
        catch (IOException e) when (e is not DirectoryNotFoundException && File.Exists(System.IO.Path.Combine(path, "server.lock")))
        {
            throw new UsageException($"The data folder {path} is in use by another `omoai serve`. Choose another with --data.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"The data folder {path} can't be used: {e.Message} Choose another with --data.", e);
        }
    }

    public void Dispose() => _owner.Dispose();

    private static void Empty(string folder)
    {
        CreatePrivate(folder);
        foreach (var entry in new DirectoryInfo(folder).EnumerateFileSystemInfos())
        {
            if (entry is DirectoryInfo directory)
            {
                directory.Delete(recursive: true);
            }
            else
            {
                entry.Delete();
            }
        }
    }

    /// <summary>Recordings of people: nobody else on the machine may look.</summary>
    private static void CreatePrivate(string folder)
    {
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(folder);
        }
        else
        {
            Directory.CreateDirectory(folder, Private);
        }
    }
}
