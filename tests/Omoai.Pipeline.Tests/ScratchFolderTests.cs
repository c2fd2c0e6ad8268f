using System.Globalization;
using Omoai.Pipeline.Activities;

namespace Omoai.Pipeline.Tests;

/// <summary>What is left of processes that were killed.</summary>
public sealed class ScratchFolderTests : IDisposable
{
    // No system has so many.
    private const int Dead = int.MaxValue;

    private readonly string _folder = Directory.CreateTempSubdirectory("omoai-test-").FullName;

    // The first process there is, and on Windows the system's own.
    private static int Other => OperatingSystem.IsWindows() ? 4 : 1;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void What_a_process_that_is_no_more_has_left_is_deleted_with_all_that_is_in_it()
    {
        var left = Folder(Name(Dead, "a1b2c3d4.e5f"));
        File.WriteAllText(Path.Combine(Directory.CreateDirectory(Path.Combine(left, "parts")).FullName, "part.wav"), "somebody's words");
        Folder(Name(Dead, "another.one"));

        ScratchFolder.DeleteLeftovers(_folder);

        Assert.Empty(Directory.EnumerateFileSystemEntries(_folder));
    }

    [Fact]
    public void What_has_the_number_of_this_process_is_from_an_earlier_one_and_is_deleted()
    {
        Folder(Name(Environment.ProcessId, "x"));
        var created = ScratchFolder.Create(_folder);
        Assert.StartsWith(Name(Environment.ProcessId, ""), Path.GetFileName(created.Path), StringComparison.Ordinal);

        ScratchFolder.DeleteLeftovers(_folder);

        Assert.Empty(Directory.EnumerateFileSystemEntries(_folder));
    }

    [Fact]
    public void What_another_process_works_in_stays()
    {
        var others = Folder(Name(Other, "a1b2c3d4.e5f"));

        ScratchFolder.DeleteLeftovers(_folder);

        Assert.True(Directory.Exists(others));
    }

    [Fact]
    public void What_is_no_scratch_folder_stays()
    {
        string[] folders =
        [
            Folder("recordings"), Folder("omoai-a1b2c3d4.e5f"), Folder("omoai-test-a1b2c3"), Folder($"omoai-{Dead}"), Folder($"omoai-{Dead}-x-y"),
            Folder($"omoai-+{Dead}-x"), Folder($"omoai-{Dead}0-x"), Folder($"my-omoai-{Dead}-x"), Folder(Path.Combine("recordings", Name(Dead, "x"))),
        ];
        var file = Path.Combine(_folder, Name(Dead, "file"));
        File.WriteAllText(file, "");

        ScratchFolder.DeleteLeftovers(_folder);

        Assert.All(folders, folder => Assert.True(Directory.Exists(folder), folder));
        Assert.True(File.Exists(file));
    }

    [Fact]
    public void Where_there_is_no_folder_of_its_own_nothing_is_done()
    {
        // Others keep things in the system's folder.
        var systems = Path.Combine(Path.GetTempPath(), Name(Dead, Guid.NewGuid().ToString("n")));
        Directory.CreateDirectory(systems);
        try
        {
            ScratchFolder.DeleteLeftovers(null);
            ScratchFolder.DeleteLeftovers(Path.Combine(_folder, "absent"));

            Assert.True(Directory.Exists(systems));
            Assert.Empty(Directory.EnumerateFileSystemEntries(_folder));
        }
        finally
        {
            Directory.Delete(systems);
        }
    }

    private static string Name(int process, string rest) => string.Create(CultureInfo.InvariantCulture, $"omoai-{process}-{rest}");

    private string Folder(string name) => Directory.CreateDirectory(Path.Combine(_folder, name)).FullName;
}
