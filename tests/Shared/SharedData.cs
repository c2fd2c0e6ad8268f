using System.Runtime.CompilerServices;

namespace Omoai.Tests;

/// <summary>Where tests find the repository and the data folder that lies beside it on some machines.</summary>
public static class TestPaths
{
    /// <summary>The root of the repository.</summary>
    public static string Repository { get; } = Path.GetFullPath(Path.Combine(ThisFolder(), "..", ".."));

    /// <summary>The folder <c>shared/data</c> beside the repository, or null where there is none.</summary>
    public static string? SharedData { get; } =
        Path.GetFullPath(Path.Combine(Repository, "..", "shared", "data")) is var folder && Directory.Exists(folder) ? folder : null;

    private static string ThisFolder([CallerFilePath] string file = "") => Path.GetDirectoryName(file)!;
}

/// <summary>A test that reads <see cref="TestPaths.SharedData"/>; skipped, saying so, where that folder is absent.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class SharedDataFactAttribute : FactAttribute
{
    public SharedDataFactAttribute() => Skip = TestPaths.SharedData is null ? "../shared/data is not on this machine." : null;
}

/// <summary>As <see cref="SharedDataFactAttribute"/>, for theories.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class SharedDataTheoryAttribute : TheoryAttribute
{
    public SharedDataTheoryAttribute() => Skip = TestPaths.SharedData is null ? "../shared/data is not on this machine." : null;
}
