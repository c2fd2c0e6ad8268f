using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Omoai.Local.Journal;
using Omoai.Pipeline;
using Omoai.Pipeline.Jobs;
using Omoai.Storage;

namespace Omoai.Local.Tests.Journal;

public sealed class JournalServicesTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("omoai-test-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_host_opens_the_journal_runs_jobs_on_it_and_gives_it_back()
    {
        for (var start = 0; start < 2; start++)
        {
            using var host = Build(new() { ["Omoai:Journal:MaxJobs"] = "3" });
            await host.StartAsync();

            Assert.Same(host.Services.GetRequiredService<IJobEngine>(), host.Services.GetServices<IHostedService>().OfType<JournalEngine>().Single());
            Assert.Equal(3, host.Services.GetRequiredService<IOptions<JournalOptions>>().Value.MaxJobs);
            Assert.Empty((await host.Services.GetRequiredService<IJobs>().ListAsync(null, 10, null, default)).Jobs);
            await host.StopAsync();
        }
    }

    [Theory]
    [InlineData("MaxJobs", "0")]
    [InlineData("MaxTranscribe", "257")]
    [InlineData("DrainGrace", "-00:00:01")]
    [InlineData("KeepEnded", "1.00:00:00")]
    public async Task A_bad_value_stops_the_start_and_is_named(string key, string value)
    {
        using var host = Build(new() { [$"Omoai:Journal:{key}"] = value });

        var refused = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync());

        Assert.Contains(key, refused.Message, StringComparison.Ordinal);
    }

    private IHost Build(Dictionary<string, string?> settings)
    {
        settings["Omoai:Journal:File"] = Path.Combine(_folder, "journal.db");
        settings["Omoai:Models:Folders:0"] = _folder;
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration.AddInMemoryCollection(settings);
        builder.ConfigureContainer(new DefaultServiceProviderFactory(
            new ServiceProviderOptions { ValidateOnBuild = true, ValidateScopes = true }));
        builder.Services.AddOmoaiPipeline().AddOmoaiDirectoryStorage(Path.Combine(_folder, "store")).AddOmoaiJournal();
        return builder.Build();
    }
}
