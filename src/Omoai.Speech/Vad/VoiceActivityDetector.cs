namespace Omoai.Speech.Vad;

/// <summary>
/// Finds the stretches of speech in a stream of 16 kHz mono: a classifier tells which frames are speech, and this makes
/// windows of them. Clicks are left out, speech that pauses only briefly is one window, windows are padded and are split
/// where they get too long. Memory is constant: what it knows of the frames of the longest window, and the classifier's
/// own.
/// </summary>
public sealed class VoiceActivityDetector : IDisposable
{
    /// <summary>Samples per second.</summary>
    public const int SampleRate = 16_000;

    // The point with the least speech, to split at, is that of this long together. Longer ones, and the longest run of
    // frames that aren't speech, were tried on the sample without its pauses, and cut into more words.
    private const double SplitSeconds = 0.1;

    private readonly IFrameClassifier classifier;
    private readonly double framesPerSecond;
    private readonly int minActive;
    private readonly int hangover;
    private readonly int mergeGap;
    private readonly int padding;
    private readonly int maxRun;
    private readonly int splitHalf;
    private readonly double[] strengths;
    private readonly List<FrameActivity> frames = [];
    private readonly List<SpeechWindow> windows = [];

    private long samples;
    private long framesDecided;
    private Run? current;
    private Run? pending;
    private long lastEnd;

    /// <param name="classifier">Of a stream's start; is disposed of with this.</param>
    /// <param name="options">Null for the defaults.</param>
    public VoiceActivityDetector(IFrameClassifier classifier, SpeechWindowOptions? options = null)
    {
        options ??= new SpeechWindowOptions();
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(options.MaxSpeechSeconds, 3);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.MergeGapSeconds, options.HangoverSeconds);
        this.classifier = classifier;
        framesPerSecond = (double)SampleRate / classifier.FrameSamples;
        minActive = Frames(options.MinSpeechSeconds);
        hangover = Frames(options.HangoverSeconds);
        mergeGap = Frames(options.MergeGapSeconds);
        padding = Frames(options.PaddingSeconds);
        maxRun = (int)(options.MaxSpeechSeconds * framesPerSecond) - 2 * padding;
        splitHalf = Frames(SplitSeconds) / 2;
        strengths = new double[maxRun + mergeGap + splitHalf + 2];
    }

    /// <summary>Every sample before this one has been decided on: no window to come begins before it.</summary>
    public long Settled
    {
        get
        {
            long first = Math.Min(pending?.Start ?? long.MaxValue, current?.Start ?? framesDecided);
            return Math.Clamp((first - padding) * classifier.FrameSamples, lastEnd, Math.Max(lastEnd, samples));
        }
    }

    /// <summary>Takes the next samples, −1 to 1.</summary>
    /// <returns>The windows that are certain now, in order, not overlapping; valid until the next call.</returns>
    public IReadOnlyList<SpeechWindow> Process(ReadOnlySpan<float> input)
    {
        windows.Clear();
        samples += input.Length;
        classifier.Process(input, frames);
        AddFrames();
        return windows;
    }

    /// <summary>The windows that are left at the end of the stream; valid until the next call.</summary>
    public IReadOnlyList<SpeechWindow> Finish()
    {
        windows.Clear();
        classifier.Finish(frames);
        AddFrames();
        if (current is { Confirmed: true } last)
        {
            pending = last;
        }
        current = null;
        if (pending is { } run)
        {
            Emit(run, run.Last + 1 + padding);
        }
        return windows;
    }

    public void Dispose() => classifier.Dispose();

    private int Frames(double seconds) => (int)Math.Round(seconds * framesPerSecond);

    private ref double Strength(long index) => ref strengths[index % strengths.Length];

    private void AddFrames()
    {
        foreach (FrameActivity frame in frames)
        {
            Add(frame);
        }
        frames.Clear();
    }

    private void Add(FrameActivity frame)
    {
        long now = framesDecided++;
        Strength(now) = frame.Strength;
        if (frame.IsSpeech)
        {
            current ??= new Run { Start = now };
            current.Last = now;
            current.Active++;
            if (!current.Confirmed && current.Active >= minActive)
            {
                Confirm(current);
            }
            if (current.Confirmed && now - current.Start >= maxRun)
            {
                Split(current);
            }
        }
        else if (current is { } run && now - run.Last > (run.Confirmed ? mergeGap : hangover))
        {
            pending = run.Confirmed ? run : pending;
            current = null;
        }

        if (current is null && pending is { } ended && now - ended.Last >= Math.Max(2 * padding, mergeGap))
        {
            Emit(ended, ended.Last + 1 + padding);
            pending = null;
        }
    }

    private void Confirm(Run run)
    {
        run.Confirmed = true;
        run.PaddedStart = Math.Max(0, run.Start - padding);
        if (pending is { } before)
        {
            // Windows this near share the gap between them.
            long end = before.Last + 1;
            long half = Math.Min(padding, (run.Start - end) / 2);
            Emit(before, end + half);
            pending = null;
        }
        run.PaddedStart = Math.Max(run.PaddedStart, (lastEnd + classifier.FrameSamples - 1) / classifier.FrameSamples);
    }

    private void Split(Run run)
    {
        // The rest keeps at least a second, so that no splinter is left over.
        long best = run.Start + maxRun / 3;
        double least = double.MaxValue;
        for (long at = best; at <= run.Start + maxRun - (int)framesPerSecond; at++)
        {
            double sum = 0;
            for (int i = -splitHalf; i <= splitHalf; i++)
            {
                sum += Strength(at + i);
            }
            if (sum < least)
            {
                (best, least) = (at, sum);
            }
        }
        Emit(run, best);
        run.Start = best;
        run.PaddedStart = best;
    }

    private void Emit(Run run, long endFrame)
    {
        long start = run.PaddedStart * classifier.FrameSamples;
        lastEnd = Math.Min(endFrame * classifier.FrameSamples, samples);
        windows.Add(new SpeechWindow(start, lastEnd));
    }

    /// <summary>Frames that are speech together. <see cref="Last"/> is inclusive.</summary>
    private sealed class Run
    {
        public long Start { get; set; }
        public long Last { get; set; }
        public int Active { get; set; }
        public bool Confirmed { get; set; }
        public long PaddedStart { get; set; }
    }
}
