using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Omoai.Isolation;
using Omoai.Isolation.Servers;
using Omoai.Pipeline.Activities;
using Omoai.Pipeline.Artifacts;
using Omoai.Pipeline.Jobs;
using Omoai.Pipeline.Llm;
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
            .Validate<IOptions<IsolationOptions>, IOptions<LlmOptions>>(
                (pipeline, isolation, llm) => !llm.Value.Vllm.IsConfigured || pipeline.AnswerGrace > 2 * isolation.Value.LeaseWait,
                "Omoai:Pipeline:AnswerGrace must be longer than twice Omoai:Isolation:LeaseWait where there is Omoai:Llm:Vllm:Model, for it is waited for, too.")
            .ValidateOnStart();
        services.AddOptions<CudaOptions>().BindConfiguration(CudaOptions.Section).ValidateDataAnnotations().ValidateOnStart();
        services.AddOptions<ModelOptions>().BindConfiguration(ModelOptions.Section).ValidateDataAnnotations().ValidateOnStart();
        services.AddOptions<LlmOptions>().BindConfiguration(LlmOptions.Section).ValidateDataAnnotations()
            .Validate<IOptions<IsolationOptions>>(
                (llm, isolation) => !llm.Vllm.IsConfigured || SupervisedServer.Slots(isolation.Value, new HostNeed()) > 1,
                "Omoai:Llm:Vllm:Model: its server has a turn on a device for as long as it runs, and here is one device with one turn, so that nothing could be transcribed any more. " +
                "Set Omoai:Isolation:HostsPerDevice (Omoai:Isolation:CpuHosts where there is no GPU) to 2 or more.")
            .ValidateOnStart();
        services.AddOptions<IsolationOptions>().BindConfiguration("Omoai:Isolation").ValidateDataAnnotations().ValidateOnStart();
        services.AddOptions<WebhookOptions>().BindConfiguration(WebhookOptions.Section).ValidateDataAnnotations().ValidateOnStart();
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton<IProgress<ActivityProgress>>(new IgnoreProgress());
        services.AddSingleton<ModelCatalog>();
        services.AddSingleton<HostedActivities>();
        services.AddSingleton<VllmServer>();
        services.AddHostedService(provider => provider.GetRequiredService<VllmServer>());
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
