using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Omoai.Pipeline.Activities;
using Omoai.Pipeline.Artifacts;
using Omoai.Pipeline.Jobs;
using Omoai.Pipeline.Orchestration;

namespace Omoai.Local.Journal;

internal static class JournalServices
{
    /// <summary>Adds the engine that <see cref="IJobs"/> needs; it runs as long as the host does.</summary>
    public static IServiceCollection AddOmoaiJournal(this IServiceCollection services)
    {
        services.AddOptions<JournalOptions>().BindConfiguration(JournalOptions.Section).ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton(provider => new JournalEngine(
            provider.GetRequiredService<IOptions<JournalOptions>>().Value,
            provider.GetRequiredService<ActivityRunner>().RunAsync,
            TranscriptionOrchestrator.RunAsync,
            provider.GetRequiredService<IArtifactStore>(),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<JournalEngine>>()));
        services.AddSingleton<IJobEngine>(provider => provider.GetRequiredService<JournalEngine>());
        services.AddSingleton<IHostedService>(provider => provider.GetRequiredService<JournalEngine>());
        return services;
    }
}
