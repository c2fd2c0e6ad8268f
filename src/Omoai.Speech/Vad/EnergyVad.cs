using System.Numerics.Tensors;

namespace Omoai.Speech.Vad;

/// <summary>A stretch of speech: samples <paramref name="Start"/> to <paramref name="End"/> (exclusive) of the
/// stream.</summary>
public readonly record struct SpeechWindow(long Start, long End);

/// <summary>
/// Voice-activity detection by energy, streaming over 16 kHz mono. A frame of 20 ms is active when its level is well
/// above
/// that of the background, which is a low percentile of the levels around it (a form of minimum statistics: R. Martin,
/// 2001).
/// What is constant is background, whatever its level: hum, hiss, silence. What is not constant is taken for speech:
/// energy
/// can't tell music from it. Memory is constant: the levels of the last
/// <see cref="EnergyVadOptions.MaxSpeechSeconds"/> and
/// of the background's window.
/// </summary>
public sealed class EnergyVad
{
    /// <summary>Samples per second.</summary>
    public const int SampleRate = 16_000;

    /// <summary>Samples in a frame: 20 ms, a whole period of 50 Hz hum.</summary>
    public const int FrameSamples = 320;

    private const double FramesPerSecond = (double)SampleRate / FrameSamples;

    // A first-order high-pass at about 76 Hz takes out what isn't voice: offset, rumble, part of mains hum.
    private const float HighPass = 0.97f;

    // Levels are kept to half a dB between these; nothing quieter than the lowest is told apart from digital silence.
    private const double LowestLevel = -90;
    private const double BinsPerDecibel = 2;
    private const int Bins = (int)(-LowestLevel * BinsPerDecibel) + 1;

    // The quietest point to split at is that of this many frames together.
    private const int SplitFrames = 5;

    private readonly EnergyVadOptions options;
    private readonly int past;
    private readonly int ahead;
    private readonly int minActive;
    private readonly int hangover;
    private readonly int mergeGap;
    private readonly int padding;
    private readonly int maxRun;
    private readonly double[] levels;
    private readonly int[] histogram = new int[Bins];
    private readonly float[] frame = new float[FrameSamples];
    private readonly List<SpeechWindow> windows = [];

    private int inFrame;
    private float previousInput;
    private float previousOutput;
    private long samples;
    private long framesIn;
    private long framesDecided;
    private long histogramStart;
    private long histogramEnd;
    private bool active;
    private Run? current;
    private Run? pending;
    private long lastEnd;

    public EnergyVad(EnergyVadOptions? options = null)
    {
        this.options = options ??= new EnergyVadOptions();
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(options.MaxSpeechSeconds, 3);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.MergeGapSeconds, options.HangoverSeconds);
        past = Frames(options.NoisePastSeconds);
        ahead = Frames(options.NoiseAheadSeconds);
        minActive = Frames(options.MinSpeechSeconds);
        hangover = Frames(options.HangoverSeconds);
        mergeGap = Frames(options.MergeGapSeconds);
        padding = Frames(options.PaddingSeconds);
        maxRun = (int)(options.MaxSpeechSeconds * FramesPerSecond) - 2 * padding;
        levels = new double[Math.Max(maxRun, past) + 2 * padding + ahead + mergeGap + 2];
    }

    /// <summary>Every sample before this one has been decided on: no window to come begins before it.</summary>
    public long Settled
    {
        get
        {
            long first = Math.Min(pending?.Start ?? long.MaxValue, current?.Start ?? framesDecided);
            return Math.Clamp((first - padding) * FrameSamples, lastEnd, Math.Max(lastEnd, samples));
        }
    }

    /// <summary>Takes the next samples, −1 to 1.</summary>
    /// <returns>The windows that are certain now, in order, not overlapping; valid until the next call.</returns>
    public IReadOnlyList<SpeechWindow> Process(ReadOnlySpan<float> input)
    {
        windows.Clear();
        samples += input.Length;
        foreach (float sample in input)
        {
            previousOutput = sample - previousInput + HighPass * previousOutput;
            previousInput = sample;
            frame[inFrame++] = previousOutput;
            if (inFrame == FrameSamples)
            {
                AddFrame();
                while (framesDecided + ahead < framesIn)
                {
                    Decide();
                }
            }
        }
        return windows;
    }

    /// <summary>The windows that are left at the end of the stream; valid until the next call.</summary>
    public IReadOnlyList<SpeechWindow> Finish()
    {
        windows.Clear();
        while (framesDecided < framesIn)
        {
            Decide();
        }
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

    private static int Frames(double seconds) => (int)Math.Round(seconds * FramesPerSecond);

    private ref double Level(long index) => ref levels[index % levels.Length];

    private static int Bin(double level) => (int)((level - LowestLevel) * BinsPerDecibel);

    private void AddFrame()
    {
        double power = TensorPrimitives.SumOfSquares<float>(frame) / FrameSamples;
        Level(framesIn++) = Math.Clamp(10 * Math.Log10(power + 1e-12), LowestLevel, 0);
        inFrame = 0;
    }

    private double NoiseLevel()
    {
        for (; histogramEnd < Math.Min(framesDecided + ahead + 1, framesIn); histogramEnd++)
        {
            histogram[Bin(Level(histogramEnd))]++;
        }
        for (; histogramStart < framesDecided - past; histogramStart++)
        {
            histogram[Bin(Level(histogramStart))]--;
        }
        double wanted = options.NoisePercentile * (histogramEnd - histogramStart);
        int bin = 0;
        for (int seen = histogram[0]; seen <= wanted && bin < Bins - 1; seen += histogram[bin])
        {
            bin++;
        }
        return LowestLevel + bin / BinsPerDecibel;
    }

    private void Decide()
    {
        long now = framesDecided++;
        double noise = NoiseLevel();
        active = Level(now) > (active
            ? Math.Max(options.StayLevel, noise + options.StayAboveNoise)
            : Math.Max(options.StartLevel, noise + options.StartAboveNoise));

        if (active)
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
        run.PaddedStart = Math.Max(run.PaddedStart, (lastEnd + FrameSamples - 1) / FrameSamples);
    }

    private void Split(Run run)
    {
        // The rest keeps at least a second, so that no splinter is left over.
        long best = run.Start + maxRun / 3;
        double quietest = double.MaxValue;
        for (long at = best; at <= run.Start + maxRun - (int)FramesPerSecond; at++)
        {
            double sum = 0;
            for (int i = -SplitFrames / 2; i <= SplitFrames / 2; i++)
            {
                sum += Level(at + i);
            }
            if (sum < quietest)
            {
                (best, quietest) = (at, sum);
            }
        }
        Emit(run, best);
        run.Start = best;
        run.PaddedStart = best;
    }

    private void Emit(Run run, long endFrame)
    {
        long start = run.PaddedStart * FrameSamples;
        lastEnd = Math.Min(endFrame * FrameSamples, samples);
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
