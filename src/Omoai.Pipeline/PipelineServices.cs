using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Omoai.Isolation;
using Omoai.Pipeline.Activities;
using Omoai.Pipeline.Artifacts;
using Omoai.Pipeline.Jobs;
using Omoai.Pipeline.Models;
using Omoai.Pipeline.Webhooks;

namespace Omoai.Pipeline;

public static class PipelineServices
{
    /// <summary>Adds the activities and what they need but for an <see cref="IArtifactStore"/>
    /// and, for <see cref="IJobs"/>, an <see cref="IJobEngine"/>. The options
    /// are checked when the host starts, or when they are first used.</summary>
    public static IServiceCollection AddOmoaiPipeline(this IServiceCollection services)
    {
        services.AddOptions<PipelineOptions>().BindConfiguration(PipelineOptions.Section).ValidateDataAnnotations()
            .Validate<IOptions<IsolationOptions>>(
                (pipeline, isolation) => pipeline.AnswerGrace > isolation.Value.LeaseWait,
                "Omoai:Pipeline:AnswerGrace must be longer than Omoai:Isolation:LeaseWait, or an activity counts as lost that had to wait.")
            .ValidateOnStart();
        services.AddOptions<CudaOptions>().BindConfiguration(CudaOptions.Section).ValidateDataAnnotations().ValidateOnStart();
        services.AddOptions<ModelOptions>().BindConfiguration(ModelOptions.Section).ValidateDataAnnotations().ValidateOnStart();
        services.AddOptions<IsolationOptions>().BindConfiguration("Omoai:Isolation").ValidateDataAnnotations().ValidateOnStart();
        services.AddOptions<WebhookOptions>().BindConfiguration(WebhookOptions.Section).ValidateDataAnnotations().ValidateOnStart();
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton<IProgress<ActivityProgress>>(new IgnoreProgress());
        services.AddSingleton<ModelCatalog>();
        services.AddSingleton<HostedActivities>();
        services.AddSingleton<WebhookSender>();
        services.AddSingleton<TranscriptionActivities>();
        services.AddSingleton<AttemptLedger>();
        services.AddSingleton(provider => new ActivityRunner(
            provider.GetRequiredService<TranscriptionActivities>().RunAsync,
            provider.GetRequiredService<AttemptLedger>(),
            provider.GetRequiredService<IArtifactStore>(),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<ActivityRunner>>()));
        services.AddSingleton<IJobs, Jobs.Jobs>();
        services.AddSingleton<UploadReceiver>();
        services.AddSingleton<UndeliveredUploads>();
        services.AddSingleton(provider => new ActivityHostLauncher(
            provider.GetRequiredService<IOptions<IsolationOptions>>().Value,
            provider.GetRequiredService<ILogger<ActivityHostLauncher>>(),
            provider.GetRequiredService<TimeProvider>())
        {
            StandbyFolder = provider.GetRequiredService<IOptions<PipelineOptions>>().Value.ScratchFolder,
        });
        return services;
    }

    private sealed class IgnoreProgress : IProgress<ActivityProgress>
    {
        public void Report(ActivityProgress value)
        {
        }
    }
}
