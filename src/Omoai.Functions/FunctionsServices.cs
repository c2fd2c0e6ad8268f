using Azure.Core.Serialization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Omoai.Api;
using Omoai.Functions.Orchestration;
using Omoai.Isolation;
using Omoai.Pipeline;
using Omoai.Pipeline.Activities;
using Omoai.Pipeline.Artifacts;
using Omoai.Pipeline.Jobs;
using Omoai.Pipeline.Models;
using Omoai.Storage;
using Omoai.Transcripts;

namespace Omoai.Functions;

internal static class FunctionsServices
{
    /// <summary>Adds the engine of jobs, and what the app takes where its settings say nothing.</summary>
    public static IServiceCollection AddOmoaiFunctions(this IServiceCollection services)
    {
        services.AddOptions<StorageOptions>().Validate(
            storage => storage.InputContainer == ArtifactNames.InputContainer,
            $"{StorageOptions.Section}:{nameof(StorageOptions.InputContainer)} can't be changed here: the triggers watch {ArtifactNames.InputContainer}.");
        return services
            .AddSingleton<DurableJobEngine>()
            .AddSingleton<IJobEngine>(provider => provider.GetRequiredService<DurableJobEngine>())
            .AddSingleton<FunctionTimeout>()
            .AddSingleton<IValidateOptions<PipelineOptions>>(provider => provider.GetRequiredService<FunctionTimeout>())
            .AddHostedService<ScratchCleaning>()
            .Configure<WorkerOptions>(worker => worker.Serializer = new JsonObjectSerializer(OmoaiJson.Compact))
            .AddSingleton<IStartupFilter, RequestIdFilter>()
            .PostConfigure<IsolationOptions>(isolation => isolation.StandbyHosts ??= 1)
            .PostConfigure<ModelOptions>(models => models.Folders.Add(Path.Combine(AppContext.BaseDirectory, "models")));
    }

    /// <summary>A worker that was killed left people's recordings where they are in the way of the next.</summary>
    private sealed class ScratchCleaning(IOptions<PipelineOptions> options) : IHostedService
    {
        public Task StartAsync(CancellationToken cancellationToken)
        {
            ScratchFolder.DeleteLeftovers(options.Value.ScratchFolder);
            return Task.CompletedTask;
        }

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }

    /// <summary>The web server inside the worker is the Functions SDK's own; this is the way into its pipeline.</summary>
    private sealed class RequestIdFilter : IStartupFilter
    {
        public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
        {
            app.UseOmoaiRequestIds();
            next(app);
        };
    }
}
