using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.ML.OnnxRuntime;
using Omoai.Isolation;
using Omoai.Speech;
using Omoai.Speech.Features;
using Omoai.Transcripts;
using Omoai.Transcripts.Activities;
using Omoai.Transcripts.Models;
using ActivityContext = Omoai.Isolation.ActivityContext;

namespace Omoai.Processes.Host;

/// <summary>What the bench has its own hosts do, beside what they do wrong (<see cref="Faults"/>).</summary>
internal static class Activities
{
    private const int HeaderBytes = 44;

    // What a warm-up has loaded.
    private static InferenceSession? _ready = null;

    public static IReadOnlyDictionary<string, ActivityHandler> All { get; } = new Dictionary<string, ActivityHandler>(Faults.Handlers)
    {
        ["stamps"] = StampsAsync,
        ["infer"] = (json, _) => Task.FromResult(Infer(Read(json, HostJson.Default.InferInput))),
        ["features"] = (json, _) => Task.FromResult(Features(Read(json, HostJson.Default.FeaturesInput))),
        ["stay"] = StayAsync,
    };

    public static IReadOnlyDictionary<string, ActivityWarmUp> WarmUps { get; } = new Dictionary<string, ActivityWarmUp>
    {
        ["infer"] = GetReadyAsync,
    };

    /// <summary>When this process's Main began.</summary>
    public static long MainAt { get; set; }

    /// <summary>The activity host's transcribe, with a model that stays: what its handler does once it has the model.</summary>
    public static ActivityHandler Transcribe(ISpeechModel model) => async (json, context) =>
    {
        var input = json.Deserialize<TranscribeInput>(OmoaiJson.Compact)!;
        var output = await Transcriber.TranscribeAsync(model, input, new Progress(context), context.CancellationToken);
        return JsonSerializer.SerializeToElement(output, OmoaiJson.Compact);
    };

    public static JsonElement Write<T>(T output, JsonTypeInfo<T> type) => JsonSerializer.SerializeToElement(output, type);

    private static T Read<T>(JsonElement json, JsonTypeInfo<T> type) => json.Deserialize(type)!;

    /// <summary>The same as the activity host's transcribe, and when it was where.</summary>
    private static async Task<JsonElement> StampsAsync(JsonElement json, ActivityContext context)
    {
        var begun = Stopwatch.GetTimestamp();
        _ = OrtEnv.Instance();
        var library = Stopwatch.GetTimestamp();
        var input = json.Deserialize<TranscribeInput>(OmoaiJson.Compact)!;
        using var model = SpeechModels.Load(input.ModelFolder, input.Threads);
        var loaded = Stopwatch.GetTimestamp();
        await Transcribe(model)(json, context);
        return Write(new Stamps(MainAt, begun, library, loaded, Stopwatch.GetTimestamp()), HostJson.Default.Stamps);
    }

    private static JsonElement Infer(InferInput input)
    {
        using var session = _ready ?? Load(input);
        return Write(Likeliest(session, input), HostJson.Default.Int32Array);
    }

    private static InferenceSession Load(InferInput input)
    {
        using var options = new SessionOptions { IntraOpNumThreads = 1, InterOpNumThreads = 1 };
        return new InferenceSession(input.Model, options);
    }

    /// <summary>Loads the model and runs it once.</summary>
    private static Task GetReadyAsync(JsonElement json, ActivityContext context)
    {
        var input = Read(json, HostJson.Default.InferInput);
        _ready = Load(input);
        _ = Write(Likeliest(_ready, input), HostJson.Default.Int32Array);
        return Task.CompletedTask;
    }

    private static int[] Likeliest(InferenceSession session, InferInput input)
    {
        var features = MemoryMarshal.Cast<byte, float>(File.ReadAllBytes(input.Features)).ToArray();
        using var value = OrtValue.CreateTensorValueFromMemory(features, [1, features.Length / input.Bins, input.Bins]);
        using var run = new RunOptions();
        using var outputs = session.Run(run, ["features"], [value], ["log_probs"]);
        var tokens = (int)outputs[0].GetTensorTypeAndShape().Shape[2];
        var scores = outputs[0].GetTensorDataAsSpan<float>();
        var ids = new int[scores.Length / tokens];
        for (var frame = 0; frame < ids.Length; frame++)
        {
            ids[frame] = System.Numerics.Tensors.TensorPrimitives.IndexOfMax(scores.Slice(frame * tokens, tokens));
        }

        return ids;
    }

    private static JsonElement Features(FeaturesInput input)
    {
        using var file = File.OpenRead(Path.Combine(input.ModelFolder, ModelManifest.FileName));
        var manifest = ModelManifest.Read(file);
        var features = new LogMel(manifest.Features!, manifest.SampleRate);
        var samples = MemoryMarshal.Cast<byte, short>(File.ReadAllBytes(input.Audio).AsSpan(HeaderBytes)).ToArray();
        var computed = features.Compute(Array.ConvertAll(samples, sample => sample / 32768f));
        File.WriteAllBytes(input.Output, MemoryMarshal.AsBytes<float>(computed));
        return Write(new FeaturesOutput(features.Width), HostJson.Default.FeaturesOutput);
    }

    /// <summary>Stays for that many milliseconds, and tells from when to when this process was there.</summary>
    private static async Task<JsonElement> StayAsync(JsonElement json, ActivityContext context)
    {
        await Task.Delay(json.GetInt32(), context.CancellationToken);
        return Write(new Stamps(MainAt, 0, 0, 0, Stopwatch.GetTimestamp()), HostJson.Default.Stamps);
    }

    /// <summary>Passes reports on at once, as the activity host's does.</summary>
    private sealed class Progress(ActivityContext context) : IProgress<double>
    {
        public void Report(double value) => context.Progress(value);
    }
}
