using System.Text.RegularExpressions;
using Omoai.Functions;
using Omoai.Infra.Tests.Bicep;
using Omoai.Pipeline.Activities;
using Omoai.Pipeline.Artifacts;
using Omoai.Tests;

namespace Omoai.Infra.Tests;

public sealed partial class NameTests
{
    private const string DeadLetters = "dead-letters";

    [Fact]
    public void The_containers_are_those_of_the_code_and_one_for_dead_letters()
    {
        Assert.Equal(
            [ArtifactNames.InputContainer, ArtifactNames.ApiContainer, ArtifactNames.WorkContainer, ArtifactNames.OutputContainer, DeadLetters],
            InfraFiles.Storage.StringsOf("containers"));
    }

    [Fact]
    public void Only_intermediate_artifacts_are_deleted_by_age()
    {
        string text = File.ReadAllText(InfraFiles.Storage.Path);
        Assert.Equal($"prefixMatch: ['{ArtifactNames.WorkContainer}/']", Assert.Single(Prefixes().Matches(text)).Value);
    }

    [Fact]
    public void Each_container_with_events_has_its_function()
    {
        Assert.Equal([ArtifactNames.InputContainer, DeadLetters], InfraFiles.Events.StringsNamed("container"));
        Assert.Equal(
            [FunctionNames.AudioUploaded, FunctionNames.EventDeadLettered],
            InfraFiles.Events.StringsNamed("endpointUrl").Select(url => Function().Match(url).Groups[1].Value));
    }

    [Fact]
    public void Event_Grid_puts_dead_letters_where_it_may_and_where_a_function_looks()
    {
        Assert.Equal([DeadLetters], InfraFiles.Read("modules/event-subscription.bicep").StringsNamed("blobContainerName"));
        Assert.Contains($"'containers' existing = {{ name: '{DeadLetters}' }}", File.ReadAllText(InfraFiles.Read("modules/event-topic.bicep").Path), StringComparison.Ordinal);
    }

    [Fact]
    public void Only_whole_blobs_are_events()
    {
        var subscription = InfraFiles.Read("modules/event-subscription.bicep");
        Assert.Superset(new HashSet<string> { "CopyBlob", "PutBlob", "PutBlockList", "FlushWithClose" }, subscription.Strings.ToHashSet());
        Assert.Contains("/blobServices/default/containers/${container}/", subscription.Strings);
        Assert.Contains("Microsoft.Storage.BlobCreated", subscription.Strings);
    }

    [Fact]
    public void Between_two_apps_every_function_is_shared_out_once()
    {
        string[] models = InfraFiles.Main.StringsOf("modelFunctions");
        string[] front = InfraFiles.Main.StringsOf("frontFunctions");
        string[] api = InfraFiles.Main.StringsOf("apiFunctions");
        string[] nowhere = InfraFiles.Main.StringsOf("notInAzure");

        Assert.Equal([PipelineActivities.Transcribe, PipelineActivities.PostProcess], models);
        Assert.Equal([FunctionNames.AudioUploadedPolling], nowhere);
        Assert.Equal(
            AllFunctions.Names.Except(AllFunctions.Health).Order(StringComparer.Ordinal),
            models.Concat(front).Concat(api).Concat(nowhere).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Each_app_leaves_the_others_functions_alone()
    {
        string text = File.ReadAllText(InfraFiles.Main.Path);
        Assert.Contains("disabledFunctions: split ? concat(notInAzure, modelFunctions) : notInAzure", text, StringComparison.Ordinal);
        Assert.Contains("disabledFunctions: concat(notInAzure, frontFunctions, apiFunctions)", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Functions_are_disabled_in_the_form_that_Linux_takes()
    {
        var app = InfraFiles.Read("modules/function-app.bicep");
        Assert.Contains("AzureWebJobs_${function}_Disabled", app.Strings);
        Assert.DoesNotContain(app.Strings, text => text.StartsWith("AzureWebJobs.", StringComparison.Ordinal));
    }

    [Fact]
    public void Probes_ask_what_the_API_documents()
    {
        string api = File.ReadAllText(Path.Combine(TestPaths.Repository, "docs", "http-api.md"));
        var paths = InfraFiles.Read("modules/function-app.bicep").StringsNamed("path").Distinct().ToArray();
        Assert.Equal(["/api/health/live", "/api/health/ready"], paths);
        Assert.All(paths, path => Assert.Contains($"GET {path}`", api, StringComparison.Ordinal));
    }

    [GeneratedRegex(@"prefixMatch: \[[^\]]*\]")]
    private static partial Regex Prefixes();

    [GeneratedRegex(@"\?functionName=Host\.Functions\.(\w+)&code=")]
    private static partial Regex Function();
}
