using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Omoai.Pipeline.Models;

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

    [Theory]
    [InlineData("00:01:00", false)]
    [InlineData("00:01:00.001", true)]
    public async Task A_program_that_waits_for_a_server_too_must_wait_longer_for_its_answers(string answerGrace, bool isEnough)
    {
        using var host = Build(answerGrace, null, ("Omoai:Llm:Vllm:Model", "some/model"), ("Omoai:Llm:Vllm:Program", "no-such-program"), ("Omoai:Isolation:Devices", ""), ("Omoai:Isolation:CpuHosts", "2"));

        if (isEnough)
        {
            await host.StartAsync();
            await host.StopAsync();
        }
        else
        {
            var refused = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync());
            Assert.Contains("Omoai:Llm:Vllm:Model", refused.Message, StringComparison.Ordinal);
        }
    }

    // A server has a turn of its device for as long as it runs.
    [Theory]
    [InlineData("", "1", "4", false)]
    [InlineData("", "4", "1", true)]
    [InlineData("0", "4", "1", false)]
    [InlineData("0", "1", "2", true)]
    [InlineData("0,1", "1", "1", true)]
    public void A_program_whose_server_would_have_the_only_turn_does_not_start(string devices, string cpuHosts, string hostsPerDevice, bool starts)
    {
        (string, string)[] machine =
            [("Omoai:Isolation:Devices", devices), ("Omoai:Isolation:CpuHosts", cpuHosts), ("Omoai:Isolation:HostsPerDevice", hostsPerDevice)];
        using var without = Build(null, null, machine);
        using var with = Build(null, null, [.. machine, ("Omoai:Llm:Vllm:Model", "some/model")]);

        Assert.NotNull(without.Services.GetRequiredService<IOptions<LlmOptions>>().Value);
        if (starts)
        {
            Assert.NotNull(with.Services.GetRequiredService<IOptions<LlmOptions>>().Value);
        }
        else
        {
            var refused = Assert.Throws<OptionsValidationException>(() => with.Services.GetRequiredService<IOptions<LlmOptions>>().Value);
            Assert.Contains("Omoai:Isolation:HostsPerDevice", refused.Message, StringComparison.Ordinal);
            Assert.Contains("Omoai:Isolation:CpuHosts", refused.Message, StringComparison.Ordinal);
        }
    }

    private static IHost Build(string? answerGrace, string? leaseWait, params (string Key, string Value)[] others)
    {
        var settings = new Dictionary<string, string?> { ["Omoai:Models:Folders:0"] = Path.GetTempPath() };
        foreach (var (key, value) in others)
        {
            settings[key] = value;
        }

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
