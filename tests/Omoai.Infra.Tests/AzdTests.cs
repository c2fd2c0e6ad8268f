using System.Text.Json;
using System.Text.RegularExpressions;
using Omoai.Infra.Tests.Bicep;
using Omoai.Tests;

namespace Omoai.Infra.Tests;

public sealed partial class AzdTests
{
    private static readonly string s_azureYaml = File.ReadAllText(Path.Combine(TestPaths.Repository, "azure.yaml"));
    private static readonly string s_hook = File.ReadAllText(Path.Combine(InfraFiles.Folder, "hooks", "postdeploy.sh"));

    [Fact]
    public void Azure_yaml_names_files_that_are_there()
    {
        Assert.True(File.Exists(InRepository(Value("run"))));
        Assert.True(File.Exists(InRepository($"{Value("path")}/{Value("module")}.bicep")));
        Assert.Equal(".", Value("project"));
        Assert.Equal(".", Value("context"));
        string dockerfile = Values("path").Last();
        Assert.Equal("infra/docker/Dockerfile", dockerfile);
        Assert.True(File.Exists(InRepository(dockerfile)));
    }

    [Fact]
    public void The_hook_can_be_run()
    {
        if (!OperatingSystem.IsWindows())
        {
            var mode = File.GetUnixFileMode(InRepository(Value("run")));
            Assert.True(mode.HasFlag(UnixFileMode.UserExecute), $"{Value("run")} isn't executable.");
        }
        Assert.DoesNotContain('\r', s_hook);
    }

    [Fact]
    public void The_service_is_the_app_with_its_tag_and_its_image()
    {
        string service = Service().Match(s_azureYaml).Groups[1].Value;
        Assert.Equal("omoai", service);
        Assert.Contains($"'azd-service-name': '{service}'", File.ReadAllText(InfraFiles.Main.Path), StringComparison.Ordinal);
        Assert.Equal($"${{SERVICE_{service.ToUpperInvariant()}_IMAGE_NAME=}}", Parameters()["imageName"]);
    }

    [Fact]
    public void The_templates_and_azd_use_the_same_API_version()
    {
        string app = File.ReadAllText(InfraFiles.Read("modules/function-app.bicep").Path);
        Assert.Contains($"Microsoft.App/containerApps@{Value("apiVersion")}'", app, StringComparison.Ordinal);
    }

    [Fact]
    public void What_the_hook_reads_of_the_environment_is_put_out_or_comes_from_azd()
    {
        var read = Variable().Matches(s_hook).Select(match => match.Groups[1].Value).Where(name => name != "OMOAI_PATIENCE_SECONDS").ToHashSet();
        Assert.Contains("OMOAI_EVENT_TOPIC", read);
        Assert.Equal(["AZURE_SUBSCRIPTION_ID"], read.Except(InfraFiles.Main.Outputs.Keys));
    }

    [Fact]
    public void The_hook_passes_what_the_second_phase_declares()
    {
        var passed = HookParameter().Matches(s_hook).Select(match => match.Groups[1].Value);
        Assert.Equal(
            InfraFiles.Events.Parameters.Select(parameter => parameter.Name).Order(StringComparer.Ordinal),
            passed.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Every_variable_that_chooses_something_is_documented()
    {
        string docs = File.ReadAllText(InRepository("docs/azure.md"));
        var variables = Parameters().Values.Append(s_azureYaml).SelectMany(text => Chosen().Matches(text)).Select(match => match.Groups[1].Value).ToArray();
        Assert.NotEmpty(variables);
        Assert.All(variables, name => Assert.Contains($"`{name}`", docs, StringComparison.Ordinal));
    }

    [Fact]
    public void Defaults_for_azd_are_those_of_the_template()
    {
        foreach (var (name, value) in Parameters().Where(parameter => parameter.Value.StartsWith("${OMOAI_", StringComparison.Ordinal)))
        {
            Assert.Equal(Default(name), value.Split('=', 2)[1].TrimEnd('}'));
        }
    }

    private static string Default(string parameter) =>
        Regex.Match(File.ReadAllText(InfraFiles.Main.Path), $@"^param {parameter} \w+ = '?([^'\n]*)'?$", RegexOptions.Multiline).Groups[1].Value;

    private static Dictionary<string, string> Parameters()
    {
        using var json = JsonDocument.Parse(File.ReadAllText(Path.Combine(InfraFiles.Folder, "main.parameters.json")));
        return json.RootElement.GetProperty("parameters").EnumerateObject()
            .ToDictionary(parameter => parameter.Name, parameter => parameter.Value.GetProperty("value").GetString()!);
    }

    private static string InRepository(string path) => Path.Combine(TestPaths.Repository, path);

    private static string Value(string key) => Values(key).First();

    // Enough of YAML for this one file.
    private static IEnumerable<string> Values(string key) =>
        Regex.Matches(s_azureYaml, $@"^ *{key}: *(\S+) *$", RegexOptions.Multiline).Select(match => match.Groups[1].Value);

    [GeneratedRegex(@"^services:\n  (\w+):$", RegexOptions.Multiline)]
    private static partial Regex Service();

    [GeneratedRegex(@"\b((?:AZURE|OMOAI)_[A-Z_]+)\b")]
    private static partial Regex Variable();

    [GeneratedRegex(@"\$\{(OMOAI_[A-Z_]+)=")]
    private static partial Regex Chosen();

    [GeneratedRegex(@"""(\w+)"": \{ ""value"":")]
    private static partial Regex HookParameter();
}
