namespace Omoai.Speech.Vad;

/// <summary>
/// Voice-activity detection by a model such as silero's, with hysteresis: speech begins at one probability and goes on at a
/// lower one. A frame's strength is its probability.
/// </summary>
internal sealed class ModelVad : IFrameClassifier
{
    private readonly VadModel model;
    private readonly VadModel.Values values;
    private readonly int context;
    private int filled;
    private bool active;

    public ModelVad(VadModel model)
    {
        this.model = model;
        values = model.CreateValues();
        filled = context = model.Settings.ContextSamples;
    }

    public int FrameSamples => model.Settings.FrameSamples;

    public void Process(ReadOnlySpan<float> samples, List<FrameActivity> frames)
    {
        while (!samples.IsEmpty)
        {
            Span<float> free = values.Samples.AsSpan(filled);
            ReadOnlySpan<float> next = samples[..Math.Min(samples.Length, free.Length)];
            next.CopyTo(free);
            filled += next.Length;
            samples = samples[next.Length..];
            if (filled == values.Samples.Length)
            {
                double probability = values.Run();
                active = probability >= (active ? model.Settings.StayProbability : model.Settings.StartProbability);
                frames.Add(new FrameActivity(active, probability));
                values.Samples.AsSpan(FrameSamples).CopyTo(values.Samples);
                filled = context;
            }
        }
    }

    public void Finish(List<FrameActivity> frames)
    {
        // Each frame was decided on when it was full.
    }

    public void Dispose() => values.Dispose();
}
