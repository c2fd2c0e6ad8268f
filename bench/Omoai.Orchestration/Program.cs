using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;
using Omoai.Local.Journal;
using Omoai.Pipeline;
using Omoai.Pipeline.Activities;
using Omoai.Pipeline.Orchestration;
using Omoai.Storage;

namespace Omoai.Orchestration;

/// <summary>What the engine and the ledger cost a job, with activities that do nothing: see <c>bench/orchestration</c>.</summary>
internal static class OrchestrationBench
{
    /// <param name="args">How many jobs.</param>
    private static async Task Main(string[] args)
    {
        var jobs = int.Parse(args[0], CultureInfo.InvariantCulture);
        var folder = Directory.CreateTempSubdirectory("omoai-bench-").FullName;
        try
        {
            var store = new DirectoryArtifactStore(Path.Combine(folder, "store"));
            var ledger = new AttemptLedger(store, TimeProvider.System);
            var runner = new ActivityRunner(Nothing, ledger, store, TimeProvider.System, NullLogger<ActivityRunner>.Instance);
            TaskCompletionSource ended = new();
            using var engine = new JournalEngine(
                new JournalOptions { File = Path.Combine(folder, "journal.db") }, runner.RunAsync, RunAsync, store, TimeProvider.System,
                NullLogger<JournalEngine>.Instance);
            await engine.StartAsync(default);
            var times = new List<double>();
            for (var i = 0; i < jobs + 20; i++)
            {
                ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                var id = i.ToString("x32", CultureInfo.InvariantCulture);
                var begun = Stopwatch.GetTimestamp();
                await engine.TryCreateAsync(Job(id), default);
                await ended.Task;
                while ((await engine.FindAsync(id, default))!.State.EndedAt is null)
                {
                    await Task.Yield();
                }

                times.Add(Stopwatch.GetElapsedTime(begun).TotalMilliseconds);
            }

            await engine.StopAsync(default);
            times.RemoveRange(0, 20);
            times.Sort();
            double At(double share) => times[(int)((times.Count - 1) * share)];
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{jobs} jobs of 4 activities, one at a time; milliseconds a job"));
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"median {At(0.5):F1}   90 % {At(0.9):F1}   worst {At(1):F1}"));
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"figure orchestration_overhead_ms {At(0.5):F2}"));

            async Task<JobResult> RunAsync(IOrchestration orchestration, TranscriptionJob job)
            {
                var result = await TranscriptionOrchestrator.RunAsync(orchestration, job);
                ended.TrySetResult();
                return result;
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static Task<ActivityResult> Nothing(string activity, ActivityCall call, CancellationToken cancellationToken) =>
        Task.FromResult<ActivityResult>(activity switch
        {
            PipelineActivities.Prepare => new ActivityResult<PrepareFacts>(new PrepareFacts(60, 1), null),
            PipelineActivities.Transcribe => new ActivityResult<TranscribeFacts>(new TranscribeFacts(call.Part, 0), null),
            PipelineActivities.PostProcess => new ActivityResult<PostProcessFacts>(new PostProcessFacts(0, 0), null),
            _ => new ActivityResult<PublishFacts>(new PublishFacts(0, [], []), null),
        });

    private static TranscriptionJob Job(string id)
    {
        var deadline = TimeSpan.FromMinutes(30);
        var settings = new JobSettings("speech", null, 600, 1.5, deadline, deadline, deadline, 2, 3, 10, TimeSpan.FromSeconds(1));
        return new TranscriptionJob(id, $"audio-api/{id}", "a.wav", new TranscriptionOptions(), settings);
    }
}
