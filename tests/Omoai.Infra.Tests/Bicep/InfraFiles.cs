using Omoai.Tests;

namespace Omoai.Infra.Tests.Bicep;

/// <summary>The files of infra/.</summary>
internal static class InfraFiles
{
    public static string Folder { get; } = Path.Combine(TestPaths.Repository, "infra");

    public static BicepFile Main { get; } = Read("main.bicep");

    public static BicepFile Events { get; } = Read("events.bicep");

    public static BicepFile Storage { get; } = Read("modules/storage.bicep");

    public static BicepFile Roles { get; } = Read("modules/roles.bicep");

    public static BicepFile[] Templates { get; } = [.. Files("*.bicep").Select(BicepFile.Read)];

    public static BicepFile[] ParameterFiles { get; } = [.. Files("*.bicepparam").Select(BicepFile.Read)];

    public static BicepFile Read(string path) => BicepFile.Read(Path.Combine(Folder, path));

    /// <summary>A file's path for people to read.</summary>
    public static string NameOf(BicepFile file) => Path.GetRelativePath(Folder, file.Path).Replace('\\', '/');

    private static IEnumerable<string> Files(string pattern) =>
        Directory.EnumerateFiles(Folder, pattern, SearchOption.AllDirectories).Order(StringComparer.Ordinal);
}
