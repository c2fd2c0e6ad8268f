using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Omoai.Tests;

namespace Omoai.Infra.Tests;

/// <summary>What infra/docker says must agree with the rest of the repository, and keep what docs/images.md promises.</summary>
public sealed partial class DockerTests
{
    private static readonly string Dockerfile = Read("infra/docker/Dockerfile");
    private static readonly string Compose = Read("infra/docker/compose.yaml");
    private static readonly string ImagesDoc = Read("docs/images.md");

    /// <summary>The instructions of the Dockerfile: comments are out, continued lines in one.</summary>
    private static readonly string[] Instructions = ReadInstructions();

    [Theory]
    [InlineData("Microsoft.ML.OnnxRuntime")]
    [InlineData("Microsoft.ML.OnnxRuntime.Gpu")]
    [InlineData("Microsoft.ML.OnnxRuntime.Managed")]
    public void The_image_is_made_for_the_pinned_ONNX_Runtime(string package) =>
        Assert.Equal(PackageVersion(package), Argument("ONNXRUNTIME_VERSION"));

    [Fact]
    public void The_image_is_built_with_the_SDK_of_global_json()
    {
        using var globalJson = JsonDocument.Parse(Read("global.json"));

        Assert.Equal(
            globalJson.RootElement.GetProperty("sdk").GetProperty("version").GetString(), Argument("DOTNET_SDK_VERSION"));
    }

    [Fact]
    public void The_base_image_runs_the_target_framework()
    {
        var framework = Property("TargetFramework");

        Assert.EndsWith(
            $"-dotnet-isolated{framework["net".Length..]}", Argument("FUNCTIONS_IMAGE_TAG"), StringComparison.Ordinal);
    }

    [Fact]
    public void The_image_carries_the_version_of_the_build() => Assert.Equal(Property("Version"), Argument("VERSION"));

    [Fact]
    public void CUDA_and_cuDNN_are_those_that_the_pinned_ONNX_Runtime_asks_for()
    {
        var onnxRuntime = string.Join('.', Argument("ONNXRUNTIME_VERSION").Split('.')[..2]);
        var row = MatchedVersions().Single(row => row.OnnxRuntime == onnxRuntime);

        Assert.Equal(row.Cuda, Argument("CUDA_VERSION").Split('.')[0]);
        Assert.Equal(row.Cudnn, Argument("CUDNN_MAJOR"));
    }

    [Fact]
    public void The_documented_versions_are_those_of_the_Dockerfile()
    {
        string[] names = ["ONNXRUNTIME_VERSION", "CUDA_VERSION", "CUDNN_MAJOR", "DOTNET_SDK_VERSION", "FUNCTIONS_IMAGE_TAG"];

        Assert.All(names, name => Assert.Contains($"| `{name}` | `{Argument(name)}` |", ImagesDoc, StringComparison.Ordinal));
    }

    [Fact]
    public void Azurite_is_the_one_that_the_tests_use()
    {
        using var package = JsonDocument.Parse(Read("eng/azurite/package.json"));
        var version = package.RootElement.GetProperty("dependencies").GetProperty("azurite").GetString();

        Assert.Contains($"image: mcr.microsoft.com/azure-storage/azurite:{version}\n", Compose, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_image_has_a_tag_and_none_is_latest()
    {
        var stages = Instructions.Select(line => StageName().Match(line)).Where(match => match.Success)
            .Select(match => match.Groups[1].Value).ToHashSet();
        var images = Instructions.Select(line => FromImage().Match(line)).Where(match => match.Success)
            .Select(match => WithArguments(match.Groups[1].Value))
            .Where(image => !stages.Contains(image))
            .Concat(ComposeImage().Matches(Compose).Select(match => match.Groups[1].Value))
            .ToArray();

        Assert.True(images.Length >= 4, string.Join(' ', images));
        Assert.All(images, image =>
        {
            Assert.Matches(@":[\w$][^:/]*$", image.Replace("${FLAVOUR:-cpu}", "cpu", StringComparison.Ordinal));
            Assert.DoesNotContain(":latest", image, StringComparison.Ordinal);
        });
    }

    [Theory]
    [InlineData("gpu")]
    [InlineData("cpu")]
    public void Each_flavour_has_its_stage(string flavour) =>
        Assert.Contains(Instructions, line => Is(line, "FROM")
            && line.EndsWith($" AS runtime-{flavour}", StringComparison.Ordinal));

    [Fact]
    public void The_container_does_not_run_as_root()
    {
        var user = FinalStage().Last(line => Is(line, "USER"))["USER ".Length..];

        // As a number: Kubernetes can't tell whether a name is root's.
        Assert.Matches("^[1-9][0-9]{3,}:[1-9][0-9]{3,}$", user);
        var (uid, gid) = (user.Split(':')[0], user.Split(':')[1]);
        Assert.Contains(Instructions, line => line.Contains($"useradd --uid {uid} ", StringComparison.Ordinal));
        Assert.Contains($"/scratch:size=2g,uid={uid},gid={gid},", Compose, StringComparison.Ordinal);
    }

    [Fact]
    public void The_app_listens_where_no_privilege_is_needed()
    {
        var port = int.Parse(Environment("ASPNETCORE_URLS").Split(':')[^1], CultureInfo.InvariantCulture);

        Assert.InRange(port, 1024, 65535);
        Assert.Contains($"EXPOSE {port}", Instructions);
        Assert.Contains($"127.0.0.1:7071:{port}\n", Compose, StringComparison.Ordinal);
    }

    [Fact]
    public void What_the_host_writes_goes_where_a_read_only_container_can_be_written_to()
    {
        string[] names =
        [
            "HOME", "TMPDIR", "FUNCTIONS_LOG_PATH", "FUNCTIONS_SECRETS_PATH", "FUNCTIONS_TEST_DATA_PATH",
            "Omoai__Pipeline__ScratchFolder",
        ];

        Assert.All(names, name => Assert.Matches("^/(tmp|scratch)(/|$)", Environment(name)));
        Assert.Contains("    read_only: true\n", Compose, StringComparison.Ordinal);
        Assert.Matches(@"- /scratch:size=\d+[gm],", Compose);
        Assert.Matches(@"- /tmp:size=\d+[gm],", Compose);
    }

    [Fact]
    public void No_container_can_gain_privileges()
    {
        var services = ServiceName().Count(Compose[..Compose.IndexOf("\nvolumes:", StringComparison.Ordinal)]);

        Assert.Equal(2, services);
        Assert.Equal(services, Regex.Count(Compose, @"\n    cap_drop: \[ALL\]\n"));
        Assert.Equal(services, Regex.Count(Compose, @"\n    security_opt: \[""no-new-privileges:true""\]\n"));
        Assert.DoesNotMatch(
            "privileged|cap_add|network_mode: *host|docker.sock", Compose + Read("infra/docker/compose.gpu.yaml"));
        // Only this machine: the key of Azurite is known to everybody.
        Assert.All(
            ComposePort().Matches(Compose),
            match => Assert.StartsWith("127.0.0.1:", match.Groups[1].Value, StringComparison.Ordinal));
    }

    [Fact]
    public void No_secret_is_in_the_image()
    {
        var names = Instructions.Where(line => Is(line, "ARG") || Is(line, "ENV"))
            .SelectMany(line => AssignedName().Matches(line).Select(match => match.Groups[1].Value)).ToArray();

        Assert.Contains("HOME", names);
        Assert.DoesNotContain(names, name => SecretName().IsMatch(name) && name != "FUNCTIONS_SECRETS_PATH");
        Assert.DoesNotMatch(SecretValue(), Dockerfile);
    }

    [Fact]
    public void The_only_key_in_the_compose_file_is_the_well_known_one_of_Azurite()
    {
        var keys = AccountKey().Matches(Compose).Select(match => match.Groups[1].Value);

        Assert.All(keys, key => Assert.StartsWith(
            "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq", key, StringComparison.Ordinal));
        Assert.Single(SecretValue().Matches(Compose));
    }

    [Fact]
    public void The_image_checks_its_native_libraries_and_starts_the_activity_host_as_its_user()
    {
        var stage = FinalStage();
        var user = Array.FindIndex(stage, line => Is(line, "USER"));

        Assert.All(["check-native-libraries --allow", "activity-host/Omoai.ActivityHost ||"], (string command) =>
            Assert.True(user < Array.FindIndex(stage, line => line.Contains(command, StringComparison.Ordinal)), command));
    }

    [Fact]
    public void A_signal_to_stop_reaches_the_host()
    {
        // In brackets: otherwise a shell is between, which keeps the signal to itself.
        Assert.Contains("ENTRYPOINT [\"/usr/bin/tini\", \"--\"]", FinalStage());
        Assert.Contains(FinalStage(), line => line.StartsWith("CMD [", StringComparison.Ordinal));
        // Read as a Boolean: 1 would be taken for no.
        Assert.Equal("true", Environment("FUNCTIONS_ENABLE_DRAIN_ON_APP_STOPPING"));
    }

    [Fact]
    public void Health_is_asked_at_the_route_of_the_API()
    {
        Assert.Contains(FinalStage(), line => Is(line, "HEALTHCHECK")
            && line.EndsWith("CMD [\"/usr/local/bin/omoai-healthcheck\"]", StringComparison.Ordinal));
        Assert.Contains("const string Live = \"health/live\"", Read("src/Omoai.Api/ApiRoutes.cs"), StringComparison.Ordinal);
        Assert.Contains("/api/health/live", Read("infra/docker/healthcheck"), StringComparison.Ordinal);
    }

    [Fact]
    public void The_build_context_is_a_list_of_what_is_let_in()
    {
        var lines = Read(".dockerignore").Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Where(line => !line.StartsWith('#')).ToArray();

        Assert.Equal("*", lines[0]);
        // The last rule that matches counts.
        Assert.All(["**/bin", "**/obj", "**/.env*", "**/local.settings*.json"], (string rule) =>
            Assert.True(Array.IndexOf(lines, rule) > Array.FindLastIndex(lines, line => line.StartsWith('!')), rule));
        var files = lines.Where(line => line.StartsWith('!') && !line.Contains('*', StringComparison.Ordinal));
        Assert.All(files, line => Assert.True(File.Exists(Path.Combine(TestPaths.Repository, line[1..])), line));
    }

    private static string Read(string path) => File.ReadAllText(Path.Combine(TestPaths.Repository, path));

    private static string[] ReadInstructions()
    {
        var text = string.Join('\n', Dockerfile.Split('\n').Where(line => !line.TrimStart().StartsWith('#')));
        return [.. text.Replace("\\\n", " ", StringComparison.Ordinal).Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => line.Trim())];
    }

    private static bool Is(string line, string instruction) => line.StartsWith($"{instruction} ", StringComparison.Ordinal);

    private static string[] FinalStage() =>
        Instructions[Array.FindLastIndex(Instructions, line => Is(line, "FROM"))..];

    /// <summary>The default of a build argument, which must be set once only.</summary>
    private static string Argument(string name)
    {
        var prefix = $"ARG {name}=";
        return Assert.Single(Instructions, line => line.StartsWith(prefix, StringComparison.Ordinal))[prefix.Length..];
    }

    private static string Environment(string name)
    {
        var values = Instructions.Where(line => Is(line, "ENV"))
            .SelectMany(line => Regex.Matches(line, $@"\s{name}=(\S+)").Select(match => match.Groups[1].Value));
        return Assert.Single(values);
    }

    private static string WithArguments(string image) =>
        ArgumentUse().Replace(image, match => Argument(match.Groups[1].Value));

    private static string PackageVersion(string package) =>
        XDocument.Parse(Read("Directory.Packages.props")).Descendants("PackageVersion")
            .Single(element => (string?)element.Attribute("Include") == package).Attribute("Version")!.Value;

    private static string Property(string name) =>
        XDocument.Parse(Read("Directory.Build.props")).Descendants(name).Single().Value;

    /// <summary>The rows of the table of matched versions: ONNX Runtime (major.minor), CUDA (major), cuDNN (major).</summary>
    private static IEnumerable<(string OnnxRuntime, string Cuda, string Cudnn)> MatchedVersions() =>
        MatchedVersionsRow().Matches(ImagesDoc)
            .Select(match => (match.Groups[1].Value, match.Groups[2].Value, match.Groups[3].Value));

    [GeneratedRegex(@"^FROM \S+ AS (\S+)$")]
    private static partial Regex StageName();

    [GeneratedRegex(@"^FROM (\S+)")]
    private static partial Regex FromImage();

    [GeneratedRegex(@"\$\{(\w+)\}")]
    private static partial Regex ArgumentUse();

    [GeneratedRegex(@"\n    image: (\S+)")]
    private static partial Regex ComposeImage();

    [GeneratedRegex(@"\n  \w+:\n    image:")]
    private static partial Regex ServiceName();

    [GeneratedRegex(@"\n    ports:\n      - (\S+)")]
    private static partial Regex ComposePort();

    [GeneratedRegex(@"\s(\w+)(?:=|$)")]
    private static partial Regex AssignedName();

    [GeneratedRegex("KEY|SECRET|TOKEN|PASS|CONNECTION|CREDENTIAL|AzureWebJobsStorage", RegexOptions.IgnoreCase)]
    private static partial Regex SecretName();

    [GeneratedRegex("AccountKey=|SharedAccessSignature=|[?&]sig=|://[^/@ ]+:[^/@ ]+@|-----BEGIN", RegexOptions.IgnoreCase)]
    private static partial Regex SecretValue();

    [GeneratedRegex("AccountKey=([^;]+)")]
    private static partial Regex AccountKey();

    [GeneratedRegex(@"^\| (\d+\.\d+) \| (\d+) \| (\d+) \|", RegexOptions.Multiline)]
    private static partial Regex MatchedVersionsRow();
}
