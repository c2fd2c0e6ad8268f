using System.Buffers.Binary;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using Omoai.Tests;

namespace Omoai.OnnxRuntime.Tests;

/// <summary>A real model with several inputs, control flow and a state: Silero's voice activity detector.</summary>
public sealed class SileroTests
{
    private const int Context = 64;
    private const int Window = 512;

    [SharedDataFact]
    public void A_voice_detector_hears_speech_and_no_speech_in_silence()
    {
        using var session = new InferenceSession(Path.Combine(TestPaths.SharedData!, "vad", "silero_vad.onnx"));
        Assert.Equal(["input", "sr", "state"], session.InputNames.Order());
        Assert.Equal([2, -1, 128], session.InputMetadata["state"].Dimensions);
        Assert.Equal(TensorElementType.Int64, session.InputMetadata["sr"].ElementDataType);

        var wave = File.ReadAllBytes(Path.Combine(TestPaths.Repository, "samples", "standup.wav")).AsSpan(44);
        var speech = new float[Math.Min(wave.Length / 2, 10 * 16_000)];
        for (var i = 0; i < speech.Length; i++)
        {
            speech[i] = BinaryPrimitives.ReadInt16LittleEndian(wave[(2 * i)..]) / 32768f;
        }

        var silent = Probabilities(session, new float[2 * 16_000]);
        var spoken = Probabilities(session, speech);
        Assert.All(silent.Concat(spoken), probability => Assert.InRange(probability, 0f, 1f));
        Assert.All(silent, probability => Assert.True(probability < 0.5f));
        Assert.True(spoken.Count(probability => probability > 0.5f) > spoken.Count / 2);
    }

    private static List<float> Probabilities(InferenceSession session, float[] samples)
    {
        var probabilities = new List<float>();
        using var options = new RunOptions();
        using var rate = OrtValue.CreateTensorValueFromMemory(new[] { 16_000L }, []);
        var input = new float[Context + Window];
        var state = new float[2 * 128];
        for (var start = 0; start + Window <= samples.Length; start += Window)
        {
            input.AsSpan(Window).CopyTo(input);
            samples.AsSpan(start, Window).CopyTo(input.AsSpan(Context));
            using var inputValue = OrtValue.CreateTensorValueFromMemory(input, [1, input.Length]);
            using var stateValue = OrtValue.CreateTensorValueFromMemory(state, [2, 1, 128]);
            using var results = session.Run(
                options, ["input", "state", "sr"], [inputValue, stateValue, rate], ["output", "stateN"]);
            probabilities.Add(results[0].GetTensorDataAsSpan<float>()[0]);
            var next = results[1].GetTensorDataAsSpan<float>().ToArray();
            Assert.Equal([2L, 1, 128], results[1].GetTensorTypeAndShape().Shape);
            Assert.NotEqual(state, next);
            state = next;
        }

        return probabilities;
    }
}
