using System.Collections.Concurrent;
using System.Globalization;
using Omoai.Isolation;
using Omoai.Pipeline.Activities;

namespace Omoai.Functions.Tests.Support;

/// <summary>Activities that do what a test says, and succeed where it says nothing.</summary>
/// <param name="parts">The parts that Prepare plans.</param>
internal sealed class ScriptedActivities(int parts = 1)
{
    public const double Seconds = 61.5;
    public const int Words = 42;

    private readonly ConcurrentQueue<(string Call, ActivityCall Facts)> _calls = [];

    /// <summary>By activity: null succeeds.</summary>
    public Dictionary<string, Func<ActivityCall, CancellationToken, Task<ActivityFailure?>>> Do { get; } = [];

    /// <summary>What was called, in that order: <c>Transcribe 2</c> is part 2, attempt or not.</summary>
    public IReadOnlyList<string> Calls => [.. _calls.Select(call => call.Call)];

    public ActivityCall this[string call] => _calls.First(made => made.Call == call).Facts;

    public async Task<ActivityResult> RunAsync(string activity, ActivityCall call, CancellationToken stop)
    {
        _calls.Enqueue((string.Create(CultureInfo.InvariantCulture, $"{activity} {call.Part}"), call));
        var failure = Do.TryGetValue(activity, out var script) ? await script(call, stop) : null;
        return activity switch
        {
            PipelineActivities.Prepare => Answer(new PrepareFacts(Seconds, parts)),
            PipelineActivities.Transcribe => Answer(new TranscribeFacts(call.Part, Words)),
            PipelineActivities.PostProcess => Answer(new PostProcessFacts(1, Words)),
            PipelineActivities.Notify => Answer(new NotifyFacts(DateTimeOffset.UnixEpoch)),
            _ => Answer(new PublishFacts(Words, ["final.json"], [])),
        };

        ActivityResult Answer<T>(T output) where T : class => new ActivityResult<T>(failure is null ? output : null, failure);
    }
}
