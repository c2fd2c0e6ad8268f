using System.Text.Json;
using Omoai.Isolation;
using Omoai.Language;
using Omoai.Speech;
using Omoai.Transcripts;
using Omoai.Transcripts.Activities;

namespace Omoai.ActivityHost;

/// <summary>The activities of this host: each turns its contract's input into its output.</summary>
internal static class Handlers
{
    public static IReadOnlyDictionary<string, ActivityHandler> All { get; } = new Dictionary<string, ActivityHandler>
    {
        [ActivityNames.Prepare] = For<PrepareInput, PrepareOutput>(Preparer.PrepareAsync),
        [ActivityNames.Transcribe] = For<TranscribeInput, TranscribeOutput>(Transcriber.TranscribeAsync),
        [ActivityNames.PostProcess] = For<PostProcessInput, PostProcessOutput>(PostProcessor.PostProcessAsync),
        [ActivityNames.Inspect] = (_, _) => Task.FromResult(ToJson(Inspector.Inspect())),
    };

    /// <summary>An activity with typed input and output, as a handler.</summary>
    private static ActivityHandler For<TInput, TOutput>(
        Func<TInput, IProgress<double>, CancellationToken, Task<TOutput>> activity)
        where TInput : class =>
        async (json, context) =>
        {
            var input = json.Deserialize<TInput>(OmoaiJson.Compact) ?? throw new BadInputException("The activity got no input.");
            return ToJson(await activity(input, new Progress(context), context.CancellationToken));
        };

    private static JsonElement ToJson<T>(T output) => JsonSerializer.SerializeToElement(output, OmoaiJson.Compact);

    /// <summary>Passes reports on at once and in order, which <see cref="Progress{T}"/> does not.</summary>
    private sealed class Progress(ActivityContext context) : IProgress<double>
    {
        public void Report(double value) => context.Progress(value);
    }
}
