using System.Collections;
using System.Globalization;
using System.Reflection;
using Omoai.Api;
using Omoai.Infra.Tests.Bicep;
using Omoai.Isolation;
using Omoai.Pipeline;
using Omoai.Pipeline.Models;
using Omoai.Pipeline.Webhooks;
using Omoai.Storage;
using Omoai.Tests;

namespace Omoai.Infra.Tests;

public sealed class SettingTests
{
    private const string DurableTask = "AzureFunctionsJobHost__extensions__durableTask__";

    private static readonly Dictionary<string, Type> s_sections = new()
    {
        [PipelineOptions.Section] = typeof(PipelineOptions),
        [ModelOptions.Section] = typeof(ModelOptions),
        ["Omoai:Isolation"] = typeof(IsolationOptions),
        [StorageOptions.Section] = typeof(StorageOptions),
        [WebhookOptions.Section] = typeof(WebhookOptions),
        [ApiOptions.Section] = typeof(ApiOptions),
        [LlmOptions.Section] = typeof(LlmOptions),
        [OpenAiOptions.Section] = typeof(OpenAiOptions),
    };

    private static readonly string[] s_settings = [.. InfraFiles.Read("modules/function-app.bicep").StringsNamed("name")];

    [Fact]
    public void Every_setting_of_Omoai_is_a_property_of_an_options_class()
    {
        var settings = s_settings.Where(name => name.StartsWith("Omoai", StringComparison.Ordinal)).ToArray();
        Assert.True(settings.Length >= 4, "The parser found too few settings.");
        Assert.All(settings, setting => Assert.True(IsBound(setting), $"Nothing is bound to {setting}."));
    }

    [Fact]
    public void Every_setting_of_Omoai_is_documented()
    {
        string table = File.ReadAllText(Path.Combine(TestPaths.Repository, "docs", "configuration.md"));
        var settings = s_settings.Where(name => name.StartsWith("Omoai", StringComparison.Ordinal));
        Assert.All(settings, setting => Assert.Contains($"`{setting.Replace("__", ":", StringComparison.Ordinal)}`", table, StringComparison.Ordinal));
    }

    [Fact]
    public void Only_the_app_that_asks_a_language_server_is_given_its_token()
    {
        string text = File.ReadAllText(InfraFiles.Main.Path);
        int model = text.IndexOf("module modelApp ", StringComparison.Ordinal);
        Assert.Contains("    llmToken: split ? '' : llmToken\n", text[..model], StringComparison.Ordinal);
        Assert.Contains("    llmToken: llmToken\n", text[model..], StringComparison.Ordinal);
        Assert.Contains(
            "{ name: 'Omoai__Llm__OpenAi__Token', secretRef: 'llm-token' }",
            File.ReadAllText(InfraFiles.Read("modules/function-app.bicep").Path), StringComparison.Ordinal);
    }

    [Fact]
    public void The_host_is_told_its_storage_by_service_and_identity()
    {
        string[] expected = ["blobServiceUri", "clientId", "credential", "queueServiceUri", "tableServiceUri"];
        Assert.Equal(
            expected.Select(name => $"AzureWebJobsStorage__{name}"),
            s_settings.Where(name => name.StartsWith("AzureWebJobsStorage", StringComparison.Ordinal)).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void The_back_end_is_chosen_by_settings()
    {
        string[] expected =
        [
            "hubName",
            "storageProvider__connectionStringName",
            "storageProvider__type",
            "storageProvider__workItemFilteringEnabled",
        ];
        Assert.Equal(
            expected.Select(name => DurableTask + name),
            s_settings.Where(name => name.StartsWith("AzureFunctionsJobHost", StringComparison.Ordinal)).Order(StringComparer.Ordinal));
        // The name of the variable that another setting names.
        var app = InfraFiles.Read("modules/function-app.bicep");
        Assert.Contains("DURABLE_TASK_SCHEDULER_CONNECTION_STRING", s_settings);
        Assert.Contains("DURABLE_TASK_SCHEDULER_CONNECTION_STRING", app.StringsNamed("value"));
    }

    [Fact]
    public void The_host_takes_recordings_as_large_as_the_pipeline_does()
    {
        string text = File.ReadAllText(InfraFiles.Read("modules/function-app.bicep").Path);
        string limit = string.Create(CultureInfo.InvariantCulture, $"{new PipelineOptions().MaxRecordingBytes}");
        Assert.Contains($"{{ name: 'FUNCTIONS_REQUEST_BODY_SIZE_LIMIT', value: '{limit}' }}", text, StringComparison.Ordinal);
        Assert.Contains($"FUNCTIONS_REQUEST_BODY_SIZE_LIMIT={limit} ", File.ReadAllText(Path.Combine(TestPaths.Repository, "infra", "docker", "Dockerfile")), StringComparison.Ordinal);
        Assert.Contains($"\"FUNCTIONS_REQUEST_BODY_SIZE_LIMIT\": \"{limit}\"", File.ReadAllText(Path.Combine(TestPaths.Repository, "local.settings.sample.json")), StringComparison.Ordinal);
    }

    [Fact]
    public void Names_of_variables_are_safe_everywhere() =>
        Assert.All(s_settings, name => Assert.Matches(@"^[\w${}-]+$", name));

    [Fact]
    public void The_scratch_folder_is_a_volume()
    {
        string text = File.ReadAllText(InfraFiles.Read("modules/function-app.bicep").Path);
        Assert.Contains("{ name: 'Omoai__Pipeline__ScratchFolder', value: scratchPath }", text, StringComparison.Ordinal);
        Assert.Contains("{ volumeName: 'scratch', mountPath: scratchPath }", text, StringComparison.Ordinal);
        Assert.Contains("{ name: 'scratch', storageType: 'EmptyDir' }", text, StringComparison.Ordinal);
    }

    private static bool IsBound(string setting)
    {
        string key = setting.Replace("__", ":", StringComparison.Ordinal);
        // The innermost one.
        string? section = s_sections.Keys.Where(name => key.StartsWith(name + ':', StringComparison.Ordinal)).MaxBy(name => name.Length);
        if (section is null)
        {
            return false;
        }
        string[] parts = key[(section.Length + 1)..].Split(':');
        var property = s_sections[section].GetProperty(parts[0], BindingFlags.Public | BindingFlags.Instance);
        bool isList = property is not null && property.PropertyType != typeof(string) && property.PropertyType.IsAssignableTo(typeof(IEnumerable));
        return property is not null && (isList ? parts.Length == 2 && int.TryParse(parts[1], out _) : parts.Length == 1);
    }
}
