using System.Text.Json;
using System.Xml.Linq;
using Omoai.Tests;

namespace Omoai.EndToEnd.Tests;

/// <summary>
/// Who may know whom. Only the activity host may know the projects that load models, and only these three may know
/// ONNX Runtime: so the program that starts activities can't load a model into itself.
/// </summary>
public sealed class ArchitectureTests
{
    private static readonly Dictionary<string, string[]> Allowed = new()
    {
        ["Omoai.Transcripts"] = [],
        ["Omoai.Isolation"] = [],
        ["Omoai.Speech"] = ["Omoai.Transcripts"],
        ["Omoai.Language"] = ["Omoai.Transcripts"],
        ["Omoai.ActivityHost"] = ["Omoai.Speech", "Omoai.Language", "Omoai.Transcripts", "Omoai.Isolation"],
        ["Omoai.Pipeline"] = ["Omoai.Transcripts", "Omoai.Isolation"],
        ["Omoai.Storage"] = ["Omoai.Pipeline", "Omoai.Transcripts", "Omoai.Isolation"],
        ["Omoai.Api"] = ["Omoai.Pipeline", "Omoai.Transcripts", "Omoai.Isolation"],
        ["Omoai.Local"] = ["Omoai.Api", "Omoai.Storage", "Omoai.Pipeline", "Omoai.Transcripts", "Omoai.Isolation"],
        ["Omoai.Functions"] = ["Omoai.Api", "Omoai.Storage", "Omoai.Pipeline", "Omoai.Transcripts", "Omoai.Isolation"],
    };

    private static readonly string[] MayLoadModels = ["Omoai.Speech", "Omoai.Language", "Omoai.ActivityHost"];

    [Fact]
    public void Project_references_keep_to_the_rules()
    {
        var projects = Directory.EnumerateFiles(Path.Combine(TestPaths.Repository, "src"), "*.csproj", SearchOption.AllDirectories)
            // The Functions SDK makes a project of its own where it builds.
            .Where(file => !file.Split(Path.DirectorySeparatorChar).Contains("obj"))
            .Select(file => (Name: Path.GetFileNameWithoutExtension(file), Xml: XDocument.Load(file))).ToList();

        Assert.True(projects.Count >= 8, "The projects were not found.");
        Assert.Empty(projects.SelectMany(project => ProjectViolations(project.Name, project.Xml)));
    }

    [Fact]
    public void What_was_built_keeps_to_the_rules()
    {
        // bin/<configuration>/net10.0 of this test project is as that of every other.
        var build = Path.Combine([.. AppContext.BaseDirectory.TrimEnd('/').Split('/').TakeLast(3)]);
        var files = Directory.EnumerateDirectories(Path.Combine(TestPaths.Repository, "src"))
            .Select(folder => Path.Combine(folder, build)).Where(Directory.Exists)
            .SelectMany(folder => Directory.EnumerateFiles(folder, "*.deps.json"))
            .Select(file => (Project: file.Split(Path.DirectorySeparatorChar)[^5], Json: File.ReadAllText(file))).ToList();

        Assert.Contains(files, file => file.Project == "Omoai.Local");
        Assert.Contains(files, file => file.Project == "Omoai.ActivityHost");
        Assert.Empty(files.SelectMany(file => BuildViolations(file.Project, file.Json)));
    }

    [Theory]
    [InlineData("Omoai.Pipeline", "<ProjectReference Include=\"../Omoai.Speech/Omoai.Speech.csproj\" />")]
    [InlineData("Omoai.Local", "<ProjectReference Include=\"../Omoai.ActivityHost/Omoai.ActivityHost.csproj\" />")]
    [InlineData("Omoai.Transcripts", "<ProjectReference Include=\"../Omoai.Isolation/Omoai.Isolation.csproj\" />")]
    [InlineData("Omoai.Functions", "<ProjectReference Include=\"../Omoai.Local/Omoai.Local.csproj\" />")]
    [InlineData("Omoai.Isolation", "<PackageReference Include=\"Microsoft.ML.OnnxRuntime.Managed\" />")]
    [InlineData("Omoai.Unheard", "")]
    public void A_forbidden_reference_is_found(string project, string reference)
    {
        var xml = XDocument.Parse($"<Project><ItemGroup>{reference}</ItemGroup></Project>");

        Assert.NotEmpty(ProjectViolations(project, xml));
    }

    [Theory]
    [InlineData("Omoai.Local", "Microsoft.ML.OnnxRuntime/1.0.0")]
    [InlineData("Omoai.Local", "Omoai.Language/1.0.0")]
    [InlineData("Omoai.Pipeline", "Microsoft.ML.OnnxRuntime.Managed/1.0.0")]
    public void A_forbidden_library_in_a_build_is_found(string project, string library)
    {
        Assert.NotEmpty(BuildViolations(project, $$"""{ "libraries": { "{{library}}": { } } }"""));
    }

    [Fact]
    public void A_build_order_reference_to_the_activity_host_is_no_reference()
    {
        var xml = XDocument.Parse(
            """
            <Project><ItemGroup>
              <ProjectReference Include="../Omoai.ActivityHost/Omoai.ActivityHost.csproj" ReferenceOutputAssembly="false" />
            </ItemGroup></Project>
            """);

        Assert.Empty(ProjectViolations("Omoai.Local", xml));
        Assert.NotEmpty(ProjectViolations("Omoai.Pipeline", xml));
    }

    private static IEnumerable<string> ProjectViolations(string project, XDocument xml)
    {
        if (!Allowed.TryGetValue(project, out var allowed))
        {
            yield return $"{project} isn't in the list of projects of this test.";
            yield break;
        }

        foreach (var reference in xml.Descendants("ProjectReference"))
        {
            var name = Path.GetFileNameWithoutExtension(((string)reference.Attribute("Include")!).Replace('\\', '/'));
            var buildOrderOnly = (string?)reference.Attribute("ReferenceOutputAssembly") == "false";
            var shipsHost = buildOrderOnly && name == "Omoai.ActivityHost" && project is ("Omoai.Local" or "Omoai.Functions");
            if (!shipsHost && !allowed.Contains(name))
            {
                yield return $"{project} must not reference {name}.";
            }
        }

        foreach (var package in xml.Descendants("PackageReference").Select(package => (string)package.Attribute("Include")!))
        {
            if (package.StartsWith("Microsoft.ML.OnnxRuntime", StringComparison.Ordinal) && !MayLoadModels.Contains(project))
            {
                yield return $"{project} must not reference {package}.";
            }
        }
    }

    private static IEnumerable<string> BuildViolations(string project, string depsJson)
    {
        using var deps = JsonDocument.Parse(depsJson);
        string[] forbidden = ["Microsoft.ML.OnnxRuntime", "Omoai.Speech", "Omoai.Language", "Omoai.ActivityHost"];
        return MayLoadModels.Contains(project)
            ? []
            : [.. deps.RootElement.GetProperty("libraries").EnumerateObject().Select(library => library.Name)
                .Where(library => forbidden.Any(name => library.StartsWith(name, StringComparison.Ordinal)))
                .Select(library => $"{project} was built with {library}.")];
    }
}
