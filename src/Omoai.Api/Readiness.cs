using Microsoft.Extensions.Options;
using Omoai.Isolation;
using Omoai.Pipeline.Artifacts;
using Omoai.Pipeline.Jobs;
using Omoai.Pipeline.Llm;
using Omoai.Pipeline.Models;
using Omoai.Transcripts.Activities;

namespace Omoai.Api;

/// <summary>Looks whether this server can take jobs and run them.</summary>
public sealed class Readiness(
    IArtifactStore store, IJobs jobs, ModelCatalog models, IOptions<LlmOptions> llm, VllmServer vllm,
    IOptions<IsolationOptions> isolation)
{
    public const string Ready = "ready";

    // To look for one job costs little whatever the engine; to list them may cost as much as there are jobs.
    private static readonly string NoJob = new('0', 32);

    /// <summary>Everything is looked at, whatever the others say. Reasons are for strangers: they name no path and no account.</summary>
    public async Task<HealthResponse> CheckAsync(CancellationToken cancellationToken)
    {
        var checks = new SortedDictionary<string, string?>(StringComparer.Ordinal)
        {
            ["storage"] = await TryAsync(
                () => store.FindAsync($"{ArtifactNames.WorkContainer}/health", cancellationToken), "The storage can't be reached."),
            ["jobs"] = await TryAsync(() => jobs.FindAsync(NoJob, cancellationToken), "The engine of jobs doesn't answer."),
            ["models"] = await TryAsync(
                () =>
                {
                    models.FindSpeech(null);
                    models.FindPunctuation();
                    if (llm.Value.Model is { Length: > 0 })
                    {
                        llm.Value.Find(null, null, models);
                    }

                    return Task.CompletedTask;
                },
                "A configured model isn't installed: see `omoai models list`."),
            ["activityHost"] = File.Exists(isolation.Value.HostPath) ? null : "The activity host isn't installed.",
        };
        if (llm.Value.Vllm.IsConfigured)
        {
            checks["languageServer"] = vllm.CannotStart ? "The vLLM server can't be started: its program or its model isn't there." : null;
        }

        return new HealthResponse(checks.Values.All(problem => problem is null) ? Ready : "unready", checks);
    }

    private static async Task<string?> TryAsync(Func<Task> look, string problem)
    {
        try
        {
            await look();
            return null;
        }
        catch (Exception e) when (e is IOException or MissingRequirementException or InvalidOperationException)
        {
            return problem;
        }
    }
}
