using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;
using Omoai.Isolation;
using Omoai.Pipeline;
using Omoai.Pipeline.Models;
using Omoai.Tests;

namespace Omoai.Functions.Tests;

public sealed class FunctionTimeoutTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("omoai-test-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    // By default an activity may take 30 s of waiting, 30 min of work, and 10 min to store what came of it.
    [Theory]
    [InlineData("""{ "functionTimeout": "00:40:30" }""", true)]
    [InlineData("""{ "functionTimeout": "00:40:29" }""", false)]
    [InlineData("""{ "functionTimeout": "-1" }""", true)]
    [InlineData("""{ "functionTimeout": -1 }""", true)]
    [InlineData("""{ /* said */ "functionTimeout": "02:00:00", }""", true)]
    [InlineData("""{ "version": "2.0" }""", false)]
    [InlineData("""{ "functionTimeout": "for ever" }""", false)]
    [InlineData(null, false)]
    public void What_host_json_says_must_let_an_activity_finish(string? hostJson, bool isEnough)
    {
        Assert.Equal(isEnough, Validate(hostJson).Succeeded);
    }

    [Theory]
    [InlineData("00:10:00", false)]
    [InlineData("01:00:00", true)]
    [InlineData("-1", true)]
    public void A_setting_overrides_host_json(string setting, bool isEnough)
    {
        var hostJson = $$"""{ "functionTimeout": "{{(isEnough ? "00:10:00" : "01:00:00")}}" }""";

        Assert.Equal(isEnough, Validate(hostJson, setting).Succeeded);
    }

    [Fact]
    public void The_message_names_what_can_be_changed()
    {
        var message = Validate("""{ "functionTimeout": "00:20:00" }""").FailureMessage!;

        foreach (var name in new[]
        {
            "functionTimeout", "00:20:00", "00:40:30", "host.json", "AzureFunctionsJobHost__functionTimeout", "Omoai:Isolation:LeaseWait", "Omoai:Pipeline",
        })
        {
            Assert.Contains(name, message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(nameof(PipelineOptions.PrepareDeadline))]
    [InlineData(nameof(PipelineOptions.TranscribeDeadline))]
    [InlineData(nameof(PipelineOptions.PostProcessDeadline))]
    public void The_longest_deadline_counts(string deadline)
    {
        var options = new PipelineOptions();
        typeof(PipelineOptions).GetProperty(deadline)!.SetValue(options, TimeSpan.FromHours(3));

        Assert.True(Validate("""{ "functionTimeout": "03:10:30" }""", options: options).Succeeded);
        Assert.False(Validate("""{ "functionTimeout": "03:10:29" }""", options: options).Succeeded);
    }

    [Fact]
    public void The_wait_for_a_turn_counts()
    {
        var isolation = new IsolationOptions { LeaseWait = TimeSpan.FromMinutes(10) };

        Assert.True(Validate("""{ "functionTimeout": "00:50:00" }""", isolation: isolation).Succeeded);
        Assert.False(Validate("""{ "functionTimeout": "00:49:59" }""", isolation: isolation).Succeeded);
    }

    [Fact]
    public void The_wait_for_a_server_beside_the_app_counts_too()
    {
        var isolation = new IsolationOptions { LeaseWait = TimeSpan.FromMinutes(2) };
        var llm = new LlmOptions { Vllm = { Model = "some/model" } };

        Assert.True(Validate("""{ "functionTimeout": "00:44:00" }""", isolation: isolation, llm: llm).Succeeded);
        Assert.False(Validate("""{ "functionTimeout": "00:43:59" }""", isolation: isolation, llm: llm).Succeeded);
    }

    [Fact]
    public void The_host_json_of_the_repository_is_enough_for_the_defaults()
    {
        Assert.True(Validate(File.ReadAllText(Path.Combine(TestPaths.Repository, "host.json"))).Succeeded);
        Assert.True(File.Exists(Path.Combine(AppContext.BaseDirectory, "host.json")), "host.json doesn't lie beside the app.");
    }

    private ValidateOptionsResult Validate(
        string? hostJson, string? setting = null, PipelineOptions? options = null, IsolationOptions? isolation = null, LlmOptions? llm = null)
    {
        if (hostJson is not null)
        {
            File.WriteAllText(Path.Combine(_folder, "host.json"), hostJson);
        }

        var configuration = new ConfigurationBuilder().AddInMemoryCollection(
            setting is null ? [] : [KeyValuePair.Create<string, string?>("AzureFunctionsJobHost:functionTimeout", setting)]).Build();
        var check = new FunctionTimeout(
            configuration, Options.Create(isolation ?? new IsolationOptions()), Options.Create(llm ?? new LlmOptions()))
        {
            Folder = _folder,
        };
        return check.Validate(null, options ?? new PipelineOptions());
    }
}
