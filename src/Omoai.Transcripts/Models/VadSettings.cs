namespace Omoai.Transcripts.Models;

/// <summary>
/// A voice-activity model like silero's, of audio of 16 kHz: a graph that is run once for each frame, from <c>input</c>
/// float32 [1, <see cref="ContextSamples"/> + <see cref="FrameSamples"/>], <c>sr</c> int64 where it has that, and states, to
/// <c>output</c> float32, the probability of speech, and the next states, in the states' order.
/// </summary>
/// <param name="Model">File of the ONNX graph.</param>
public sealed record VadSettings(string Model)
{
    /// <summary>Samples in a frame, 160 to 16000.</summary>
    public int FrameSamples { get; init; } = 512;

    /// <summary>Samples before a frame that the graph is given again, 0 to <see cref="FrameSamples"/>: 64 for silero 5, 0 for
    /// silero 4.</summary>
    public int ContextSamples { get; init; } = 64;

    /// <summary>Speech begins at this probability. Above 0, below 1.</summary>
    public double StartProbability { get; init; } = 0.5;

    /// <summary>Speech goes on as long as the probability is at least this. Above 0, at most
    /// <see cref="StartProbability"/>.</summary>
    public double StayProbability { get; init; } = 0.35;
}
