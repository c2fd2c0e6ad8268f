using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Omoai.Isolation;
using Omoai.Transcripts;
using Omoai.Transcripts.Activities;

namespace Omoai.EndToEnd.TestHost;

/// <summary>The activities by their contracts, without models: what comes out follows from the bytes of the recording.</summary>
internal static class Activities
{
    private const string PartFile = "part-0000.wav";
    private const string Model = "test";

    public static IReadOnlyDictionary<string, ActivityHandler> All { get; } = new Dictionary<string, ActivityHandler>
    {
        [ActivityNames.Prepare] = For<PrepareInput, PrepareOutput>(Prepare),
        [ActivityNames.Transcribe] = For<TranscribeInput, TranscribeOutput>(Transcribe),
        [ActivityNames.PostProcess] = For<PostProcessInput, PostProcessOutput>(PostProcess),
    };

    private static PrepareOutput Prepare(PrepareInput input)
    {
        var recording = File.ReadAllBytes(input.Audio);
        if (Recording.IsPoison(recording))
        {
            Environment.FailFast("There is poison in it.");
        }

        File.WriteAllBytes(Path.Combine(input.OutputFolder, PartFile), recording);
        return new PrepareOutput(1, 16000, 1, "pcm_s16le", [new AudioPart(0, PartFile, 0, 1, [new Interval(0, 1)])], []);
    }

    private static TranscribeOutput Transcribe(TranscribeInput input)
    {
        var recording = File.ReadAllBytes(input.Audio);
        if (Recording.IsSleep(recording))
        {
            // As a supervised model server would: a process of the host's own, which nobody but the parent's parent can end.
            using var child = Process.Start("sleep", "600");
            Thread.Sleep(Timeout.Infinite);
        }

        var words = Recording.WordsOf(recording)
            .Select((word, index) => new Word(word, index / 10.0, (index + 1) / 10.0, 1)).ToList();
        Write(input.Output, new RecognizedPart(input.Part.Index, words));
        return new TranscribeOutput(input.Part.Index, words.Count, 1, Model, "en", "cpu");
    }

    private static PostProcessOutput PostProcess(PostProcessInput input)
    {
        var words = input.Parts.SelectMany(part => Read<RecognizedPart>(part).Words).ToList();
        var text = string.Join(' ', words.Select(word => word.Text));
        Write(input.Output, new PostProcessed([new Segment(0, 0, words[0].Start, words[^1].End, text, words)])
        {
            Llm = input.Llm is { } llm ? new LlmUse(llm.Engine, llm.Model, 1, 0, 0, new PunctuationUse(1, [], 1)) : null,
            RawText = input.RawText ? WhatIsKnownOf(input.LlmToken) : null,
        });
        return new PostProcessOutput(1, 1, words.Count, Model, [], input.Llm is null ? null : "cpu", "It is a test.");
    }

    /// <summary>For a test to see that the token is here, in the request alone, without its being written anywhere.</summary>
    private static string WhatIsKnownOf(string? token) => token is null
        ? "no token"
        : $"{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(token)))}, in the environment: " +
            $"{File.ReadAllText("/proc/self/environ").Contains(token, StringComparison.Ordinal)}, in the arguments: " +
            $"{File.ReadAllText("/proc/self/cmdline").Contains(token, StringComparison.Ordinal)}";

    private static ActivityHandler For<TInput, TOutput>(Func<TInput, TOutput> activity) => (json, _) =>
        Task.FromResult(JsonSerializer.SerializeToElement(activity(json.Deserialize<TInput>(OmoaiJson.Compact)!), OmoaiJson.Compact));

    private static T Read<T>(string file) => JsonSerializer.Deserialize<T>(File.ReadAllBytes(file), OmoaiJson.Compact)!;

    private static void Write<T>(string file, T value) => File.WriteAllBytes(file, JsonSerializer.SerializeToUtf8Bytes(value, OmoaiJson.Compact));
}
