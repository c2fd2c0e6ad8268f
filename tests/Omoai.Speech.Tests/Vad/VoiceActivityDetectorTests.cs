using Omoai.Speech.Vad;

namespace Omoai.Speech.Tests.Vad;

public sealed class VoiceActivityDetectorTests
{
    [Theory]
    [InlineData(320, 6.6)]
    [InlineData(320, 12)]
    [InlineData(320, 18.3)]
    [InlineData(512, 6.6)]
    [InlineData(512, 12)]
    [InlineData(512, 18.3)]
    public void What_is_too_long_is_split_where_there_is_least_speech(int frameSamples, double weakest)
    {
        // A minute without a pause, after a second of nothing. The first 6.5 s are left whole, and so is the last second
        // before the window is full; what is weaker there does not count.
        double framesPerSecond = 16_000.0 / frameSamples;
        int Frame(double seconds) => (int)(seconds * framesPerSecond);
        var frames = Enumerable.Range(0, Frame(61)).Select(i => new FrameActivity(i >= Frame(1), 1)).ToArray();
        foreach (var (at, strength) in new[] { (3.0, 0.1), (weakest, 0.5), (19.2, 0.1) })
        {
            frames.AsSpan(Frame(1 + at) - 2, 5).Fill(new FrameActivity(true, strength));
        }
        using var vad = new VoiceActivityDetector(new Script(frameSamples, frames));

        SpeechWindow[] windows = [.. vad.Process(new float[frames.Length * frameSamples]).ToArray(), .. vad.Finish()];

        Assert.Equal(0.75, windows[0].Start / 16_000.0, 0.05);
        Assert.Equal(1 + weakest, windows[0].End / 16_000.0, 0.1);
        Assert.Equal(frames.Length * frameSamples, windows[^1].End);
        Assert.All(windows.Zip(windows.Skip(1)), pair => Assert.Equal(pair.First.End, pair.Second.Start));
        Assert.All(windows, window => Assert.InRange(window.End - window.Start, 16_000, 20 * 16_000));
    }

    [Fact]
    public void It_disposes_of_its_classifier()
    {
        var script = new Script(320, []);

        new VoiceActivityDetector(script).Dispose();

        Assert.True(script.IsDisposed);
    }

    /// <summary>Gives what it is told to, whatever it hears.</summary>
    private sealed class Script(int frameSamples, FrameActivity[] script) : IFrameClassifier
    {
        private int samples;
        private int told;

        public int FrameSamples => frameSamples;

        public bool IsDisposed { get; private set; }

        public void Process(ReadOnlySpan<float> input, List<FrameActivity> frames)
        {
            for (samples += input.Length; told < samples / frameSamples; told++)
            {
                frames.Add(script[told]);
            }
        }

        public void Finish(List<FrameActivity> frames)
        {
        }

        public void Dispose() => IsDisposed = true;
    }
}
