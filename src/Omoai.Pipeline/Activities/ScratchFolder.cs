using System.Globalization;

namespace Omoai.Pipeline.Activities;

/// <summary>A private folder for one attempt of one activity; gone when it is disposed of.</summary>
public sealed class ScratchFolder : IDisposable
{
    private const string Prefix = "omoai-";

    private static readonly int s_process = System.Diagnostics.Process.GetCurrentProcess().Id;

    private ScratchFolder(string path) => Path = path;

    public string Path { get; }

    public static ScratchFolder Create(string? root)
    {
        var path = System.IO.Path.Combine(root ?? System.IO.Path.GetTempPath(), $"{Prefix}{s_process}-{System.IO.Path.GetRandomFileName()}");
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(path);
        }
        else
        {
            // Recordings of people: nobody else on the machine may look.
            Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }

        return new ScratchFolder(path);
    }

    /// <summary>Deletes what processes that were killed have left. For a program's start: what has this process's number is from an
    /// earlier one too.</summary>
    /// <param name="root">The folder of scratch folders; where there is none, or null, nothing is done.</param>
    public static void DeleteLeftovers(string? root)
    {
        if (!Directory.Exists(root))
        {
            return;
        }

        foreach (var folder in Directory.EnumerateDirectories(root, $"{Prefix}*-*"))
        {
            if (System.IO.Path.GetFileName(folder).Split('-') is [_, var number, _] && int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var process)
                && (process == s_process || !Lives(process)))
            {
                new ScratchFolder(folder).Dispose();
            }
        }
    }

    public string File(string name) => System.IO.Path.Combine(Path, name);

    private static bool Lives(int process)
    {
        try
        {
            using var found = System.Diagnostics.Process.GetProcessById(process);
            return true;
        }
        catch (ArgumentException)
        {
            return false;
        }
    }

    public void Dispose()
    {
        try
        {
            Directory.Delete(Path, recursive: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Left to the system's cleaning of temporary files; the activity's outcome stands.
        }
    }
}
