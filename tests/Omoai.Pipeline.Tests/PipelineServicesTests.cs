using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace Omoai.Pipeline.Tests;

/// <summary>What stops the start of a program because its settings don't fit together.</summary>
public sealed class PipelineServicesTests
{
    [Theory]
    [InlineData("00:00:20", null)]
    [InlineData("00:00:30", null)]
    [InlineData("00:01:00", "00:01:00")]
    public async Task A_program_that_would_give_up_who_waits_for_a_turn_does_not_start(string answerGrace, string? leaseWait)
    {
        using var host = Build(answerGrace, leaseWait);

        var refused = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync());

        Assert.Contains("Omoai:Pipeline:AnswerGrace", refused.Message, StringComparison.Ordinal);
        Assert.Contains("Omoai:Isolation:LeaseWait", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null, null)]
    [InlineData("00:00:30.001", null)]
    [InlineData("00:00:01", "00:00:00")]
    [InlineData(null, "00:02:00")]
    public async Task A_program_that_waits_for_its_answers_longer_starts(string? answerGrace, string? leaseWait)
    {
        using var host = Build(answerGrace, leaseWait);

        await host.StartAsync();
        await host.StopAsync();
    }

    private static IHost Build(string? answerGrace, string? leaseWait)
    {
        var settings = new Dictionary<string, string?> { ["Omoai:Models:Folders:0"] = Path.GetTempPath() };
        if (answerGrace is not null)
        {
            settings["Omoai:Pipeline:AnswerGrace"] = answerGrace;
        }

        if (leaseWait is not null)
        {
            settings["Omoai:Isolation:LeaseWait"] = leaseWait;
        }

        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration.AddInMemoryCollection(settings);
        builder.Services.AddOmoaiPipeline();
        return builder.Build();
    }
}
