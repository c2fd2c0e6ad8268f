using System.Reflection;
using System.Text.Json;
using System.Text.RegularExpressions;
using Omoai.Functions;
using Omoai.Isolation;
using Omoai.Pipeline.Activities;
using Omoai.Tests;

namespace Omoai.EndToEnd.Tests;

/// <summary>What the Functions app and its settings call things; checked by text, so also where the app can't be built.</summary>
public sealed partial class NamesAgreeTests
{
    private static readonly Dictionary<string, string> Constants = new[] { typeof(FunctionNames), typeof(PipelineActivities) }
        .SelectMany(type => type.GetFields(BindingFlags.Public | BindingFlags.Static)
            .Select(field => (Name: $"{type.Name}.{field.Name}", Value: (string)field.GetRawConstantValue()!)))
        .ToDictionary(constant => constant.Name, constant => constant.Value);

    [Fact]
    public void Every_function_is_named_by_a_constant_and_every_constant_names_one_function()
    {
        var used = FunctionNamesInCode();

        Assert.NotEmpty(used);
        Assert.Equal(Constants.Keys.Order(StringComparer.Ordinal), used.Order(StringComparer.Ordinal));
        Assert.Equal(Constants.Count, Constants.Values.Distinct(StringComparer.OrdinalIgnoreCase).Count());
        Assert.All(Constants, constant => Assert.Equal(constant.Key.Split('.')[1], constant.Value));
    }

    [Fact]
    public void Host_json_says_what_must_not_be_left_to_chance()
    {
        using var host = Read("host.json");
        var root = host.RootElement;
        var durable = root.GetProperty("extensions").GetProperty("durableTask");

        Assert.Equal("2.0", root.GetProperty("version").GetString());
        Assert.True(TimeSpan.TryParse(root.GetProperty("functionTimeout").GetString(), System.Globalization.CultureInfo.InvariantCulture, out var timeout));
        Assert.InRange(timeout, TimeSpan.FromMinutes(41), TimeSpan.FromDays(1));
        Assert.Matches("^[A-Za-z][A-Za-z0-9]{2,44}$", durable.GetProperty("hubName").GetString());
        Assert.Equal("V2", durable.GetProperty("tracing").GetProperty("version").GetString());
        Assert.True(durable.GetProperty("tracing").GetProperty("distributedTracingEnabled").GetBoolean());
        Assert.Equal("api", root.GetProperty("extensions").GetProperty("http").GetProperty("routePrefix").GetString());
    }

    [Fact]
    public void The_sample_settings_switch_off_what_Azurite_has_not()
    {
        var values = SampleSettings();

        var disabled = values.Where(value => DisabledFunction().IsMatch(value.Key)).ToList();
        Assert.All(disabled, setting => Assert.Equal("true", setting.Value));
        Assert.Equal(
            [FunctionNames.AudioUploaded, FunctionNames.EventDeadLettered],
            disabled.Select(setting => DisabledFunction().Match(setting.Key).Groups[1].Value).Order(StringComparer.Ordinal));
        Assert.Equal("dotnet-isolated", values["FUNCTIONS_WORKER_RUNTIME"]);
    }

    [Fact]
    public void The_sample_settings_are_settings_that_there_are()
    {
        var sections = OptionsSections();
        var ours = SampleSettings().Keys.Where(key => key.StartsWith("Omoai__", StringComparison.Ordinal)).ToList();

        Assert.NotEmpty(ours);
        Assert.All(ours, key =>
        {
            var parts = key.Split("__");
            Assert.True(sections.TryGetValue($"{parts[0]}:{parts[1]}", out var options), $"{key} is in no section of options.");
            Assert.NotNull(options.GetProperty(parts[2]));
        });
    }

    [Fact]
    public void The_sample_settings_are_unknown_to_git_under_the_name_that_the_host_reads()
    {
        var ignored = File.ReadAllLines(Path.Combine(TestPaths.Repository, ".gitignore"));

        Assert.Contains(ignored, line => line.Trim().TrimStart('/') == "local.settings.json");
    }

    /// <summary>What stands in every <c>[Function(…)]</c>.</summary>
    private static List<string> FunctionNamesInCode() =>
    [
        .. Directory.EnumerateFiles(Path.Combine(TestPaths.Repository, "src", "Omoai.Functions"), "*.cs", SearchOption.AllDirectories)
            .Where(file => !Path.GetRelativePath(TestPaths.Repository, file).Split(Path.DirectorySeparatorChar).Any(part => part is "bin" or "obj"))
            .SelectMany(file => FunctionAttribute().Matches(File.ReadAllText(file))).Select(match => match.Groups[1].Value),
    ];

    private static Dictionary<string, string> SampleSettings()
    {
        using var settings = Read("local.settings.sample.json");
        Assert.False(settings.RootElement.GetProperty("IsEncrypted").GetBoolean());
        return settings.RootElement.GetProperty("Values").EnumerateObject().ToDictionary(value => value.Name, value => value.Value.GetString()!);
    }

    /// <summary>The options classes of what the app is made of, by their section.</summary>
    private static Dictionary<string, Type> OptionsSections() =>
        new[] { typeof(Pipeline.PipelineOptions), typeof(Storage.StorageOptions), typeof(Api.ApiOptions), typeof(IsolationOptions) }
            .SelectMany(type => type.Assembly.GetTypes()).Where(type => type.Name.EndsWith("Options", StringComparison.Ordinal))
            .Select(type => (Type: type, Section: type == typeof(IsolationOptions)
                ? "Omoai:Isolation" : (string?)type.GetField("Section", BindingFlags.Public | BindingFlags.Static)?.GetRawConstantValue()))
            .Where(options => options.Section is not null).ToDictionary(options => options.Section!, options => options.Type);

    private static JsonDocument Read(string file) => JsonDocument.Parse(File.ReadAllBytes(Path.Combine(TestPaths.Repository, file)));

    [GeneratedRegex(@"\[Function\(\s*([^)]*?)\s*\)\]")]
    private static partial Regex FunctionAttribute();

    [GeneratedRegex(@"^AzureWebJobs\.(.+)\.Disabled$")]
    private static partial Regex DisabledFunction();
}
