using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;
using Omoai.Isolation;
using Omoai.Local.Journal;
using Omoai.Pipeline;
using Omoai.Pipeline.Activities;
using Omoai.Pipeline.Jobs;
using Omoai.Pipeline.Orchestration;
using Omoai.Storage;

namespace Omoai.Local.Tests.Journal;

/// <summary>A journal in a folder of its own, and activities that do what a test says.</summary>
public abstract class EngineFixture : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    private readonly string _folder = Directory.CreateTempSubdirectory("omoai-test-").FullName;
    private readonly List<JournalEngine> _engines = [];
    private readonly List<string> _ended = [];

    internal ManualTime Time { get; } = new();

    internal JournalOptions Options { get; } = new() { DrainGrace = TimeSpan.Zero };

    internal ActivityBody Body { get; set; } = (activity, call, _) => Task.FromResult(Answer(activity, call));

    internal Func<IOrchestration, TranscriptionJob, Task<JobResult>> Orchestrator { get; set; } = TranscriptionOrchestrator.RunAsync;

    /// <summary>The activities that gave an answer, in that order.</summary>
    internal IReadOnlyList<string> Ended
    {
        get
        {
            lock (_ended)
            {
                return [.. _ended];
            }
        }
    }

    internal DirectoryArtifactStore Store { get; private set; } = null!;

    public Task InitializeAsync()
    {
        Options.File = Path.Combine(_folder, "journal.db");
        Store = new DirectoryArtifactStore(Path.Combine(_folder, "store"));
        return Task.CompletedTask;
    }

    public async Task DisposeAsync()
    {
        foreach (var engine in _engines)
        {
            await engine.StopAsync(default);
        }

        Directory.Delete(_folder, recursive: true);
    }

    internal JournalEngine CreateEngine()
    {
        var engine = new JournalEngine(Options, RunAsync, (o, job) => Orchestrator(o, job), Store, Time, NullLogger<JournalEngine>.Instance);
        _engines.Add(engine);
        return engine;
    }

    internal async Task<JournalEngine> StartEngineAsync()
    {
        var engine = CreateEngine();
        await engine.StartAsync(default);
        return engine;
    }

    internal static TranscriptionJob Job(string id, int parallel = 2, string? webhook = null) => new(
        id, $"audio-api/{id}", "a.wav", new TranscriptionOptions { Webhook = webhook }, new JobSettings(
            "speech", null, 600, 1.5, TimeSpan.FromMinutes(30), TimeSpan.FromMinutes(30), TimeSpan.FromMinutes(30), parallel, 3,
            10, TimeSpan.FromSeconds(10)));

    internal static ActivityResult Answer(string activity, ActivityCall call) => activity switch
    {
        PipelineActivities.Prepare => new ActivityResult<PrepareFacts>(new PrepareFacts(60, 3), null),
        PipelineActivities.Transcribe => new ActivityResult<TranscribeFacts>(new TranscribeFacts(call.Part, 14), null),
        PipelineActivities.PostProcess => new ActivityResult<PostProcessFacts>(new PostProcessFacts(3, 42), null),
        PipelineActivities.Notify => new ActivityResult<NotifyFacts>(new NotifyFacts(call.EndedAt!.Value), null),
        _ => new ActivityResult<PublishFacts>(new PublishFacts(42, ["final.json"], []), null),
    };

    /// <summary>Lets one activity run until it is stopped; the others answer.</summary>
    /// <returns>Completes when it has begun.</returns>
    internal Task HoldIn(string held)
    {
        var begun = new TaskCompletionSource();
        Body = async (activity, call, stop) =>
        {
            if (activity == held)
            {
                begun.TrySetResult();
                await Task.Delay(Timeout.Infinite, stop);
            }

            return Answer(activity, call);
        };
        return begun.Task;
    }

    internal static ActivityResult Failure(FailureClass @class) =>
        new ActivityResult<object>(null, new ActivityFailure(@class, Retryable: true, @class.ToString()));

    internal static async Task<JobState> StateAsync(JournalEngine engine, string id) => (await engine.FindAsync(id, default))!.State;

    internal static async Task<JobState> EndAsync(JournalEngine engine, string id)
    {
        await EventuallyAsync(async () => (await StateAsync(engine, id)).EndedAt is not null);
        return await StateAsync(engine, id);
    }

    /// <summary>Waits for what other threads do; a test that fails here has found that they never do it.</summary>
    internal static async Task EventuallyAsync(Func<Task<bool>> condition)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (!await condition())
        {
            await Task.Delay(5, patience.Token);
        }
    }

    internal static Task EventuallyAsync(Func<bool> condition) => EventuallyAsync(() => Task.FromResult(condition()));

    /// <summary>Changes a journal that no engine has open.</summary>
    internal void Edit(string sql)
    {
        using var connection = new SqliteConnection($"Data Source={Options.File};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    internal long Count(string sql)
    {
        using var connection = new SqliteConnection($"Data Source={Options.File};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return (long)command.ExecuteScalar()!;
    }

    internal static string Name(string activity, ActivityCall call) => $"{activity} {call.Part}";

    private async Task<ActivityResult> RunAsync(string activity, ActivityCall call, CancellationToken cancellationToken)
    {
        var result = await Body(activity, call, cancellationToken);
        if (result.Failure is null)
        {
            lock (_ended)
            {
                _ended.Add(Name(activity, call));
            }
        }

        return result;
    }
}
