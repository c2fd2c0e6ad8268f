using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Omoai.Speech.Features;

namespace Omoai.Speech.Vad;

/// <summary>
/// Takes back what another classifier took for speech where the sound is steady but for its level, which no speech is:
/// <list type="bullet">
/// <item>noise that swells: the shape of its spectrum stays the same, while that of speech changes with every sound (the idea
/// of long-term signal variability: P. Ghosh, A. Tsiartas, S. Narayanan, 2011; here as the deviation of the levels of bands,
/// from which the level of them all is taken);</item>
/// <item>notes: their partials stay at one frequency, while the harmonics of a voice glide (peaks of the spectrum that go
/// on: R. McAulay, T. Quatieri, 1986).</item>
/// </list>
/// A frame stays speech if there is anything like speech near it, so speech beside music isn't cut; and what is too short to
/// tell stays. It decides twice <see cref="SteadySoundOptions.ContextSeconds"/> later than the other does. Memory is
/// constant. Drums, vibrato and instruments that glide as a voice does still pass for speech.
/// </summary>
public sealed class SteadySoundFilter : IFrameClassifier
{
    private const int Window = 1024; // 64 ms: parts the harmonics of a low voice
    private const double HertzPerBin = (double)VoiceActivityDetector.SampleRate / Window;

    // Partials are followed where those of a voice are strong, and as far below the strongest as noise seldom hides them.
    private const int FirstPeak = (int)(100 / HertzPerBin);
    private const int LastPeak = (int)(4000 / HertzPerBin);
    private const double PeakRange = 30; // dB
    private const float SteadyBins = 0.1f; // 1.6 Hz
    private const double SteadySeconds = 0.04;

    // Bands as wide as the ear's; what is far below the loudest band may be a codec's or a filter's.
    private const int Bands = 16;
    private const double LowestHertz = 100;
    private const double HighestHertz = 7000;
    private const double BandRange = 40; // dB
    private const double BandFloor = 1e-6; // the rounding to 16 bits is below it

    private static readonly int[] Edges = [.. Enumerable.Range(0, Bands + 1).Select(Edge)];
    private static readonly float[] Hann =
        [.. Enumerable.Range(0, Window).Select(i => (float)(0.5 - 0.5 * Math.Cos(2 * Math.PI * i / Window)))];

    private readonly IFrameClassifier classifier;
    private readonly int context;
    private readonly double minShapeChange;
    private readonly int minNoise;
    private readonly double maxSteadyShare;
    private readonly int minNotes;

    // Samples that are yet to be transformed, from the start of a frame's window; a frame is in the middle of it.
    private readonly float[] samples;
    private readonly float[] signal = new float[Window * RealFft.Lanes];
    private readonly RealFft fft = new(Window);
    private readonly Vector<float>[] real;
    private readonly Vector<float>[] imaginary;
    private readonly float[] power;
    private int filled;
    private long samplesIn;
    private long transformed;

    // Where the peaks of the last frames are, in bins, by the bin that they are in; −1 where there is none.
    private readonly float[][] peaks;

    private readonly List<FrameActivity> decided = [];
    private readonly Queue<FrameActivity> activities = [];
    private readonly Queue<Sound> sounds = [];
    private readonly (FrameActivity Activity, Sound Sound)[] recent;
    private long added;
    private long lastLikeSpeech = long.MinValue / 2;

    /// <param name="classifier">Of a stream's start, with frames of at most 64 ms; is disposed of with this.</param>
    /// <param name="options">Null for the defaults.</param>
    public SteadySoundFilter(IFrameClassifier classifier, SteadySoundOptions? options = null)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(classifier.FrameSamples, Window);
        options ??= new SteadySoundOptions();
        this.classifier = classifier;
        context = Frames(options.ContextSeconds);
        minShapeChange = options.MinShapeChange;
        minNoise = Frames(options.MinNoiseSeconds);
        maxSteadyShare = options.MaxSteadyShare;
        minNotes = Frames(options.MinNotesSeconds);
        samples = new float[(RealFft.Lanes - 1) * FrameSamples + Window];
        filled = (Window - FrameSamples) / 2;
        real = new Vector<float>[fft.SpectrumLength];
        imaginary = new Vector<float>[fft.SpectrumLength];
        power = new float[fft.SpectrumLength * RealFft.Lanes];
        peaks = [.. Enumerable.Range(0, Math.Max(1, Frames(SteadySeconds)) + 1).Select(_ => NoPeaks())];
        recent = new (FrameActivity, Sound)[2 * context + 1];
    }

    public int FrameSamples => classifier.FrameSamples;

    public void Process(ReadOnlySpan<float> samples, List<FrameActivity> frames)
    {
        classifier.Process(samples, decided);
        samplesIn += samples.Length;
        while (!samples.IsEmpty)
        {
            ReadOnlySpan<float> next = samples[..Math.Min(samples.Length, this.samples.Length - filled)];
            next.CopyTo(this.samples.AsSpan(filled));
            filled += next.Length;
            samples = samples[next.Length..];
            if (filled == this.samples.Length)
            {
                Transform();
            }
        }
        AddFrames(frames);
    }

    public void Finish(List<FrameActivity> frames)
    {
        classifier.Finish(decided);
        while (transformed < samplesIn / FrameSamples)
        {
            samples.AsSpan(filled).Clear();
            Transform();
        }
        AddFrames(frames);
        for (long middle = Math.Max(0, added - context); middle < added + context; middle++)
        {
            Judge(middle, frames);
        }
    }

    public void Dispose() => classifier.Dispose();

    /// <summary>Bands are equally wide on the mel scale.</summary>
    private static int Edge(int band)
    {
        double lowest = 1 + LowestHertz / 700;
        double highest = 1 + HighestHertz / 700;
        return (int)Math.Round(700 * (lowest * Math.Pow(highest / lowest, (double)band / Bands) - 1) / HertzPerBin);
    }

    private static float[] NoPeaks() => [.. Enumerable.Repeat(-1f, LastPeak + 1)];

    private int Frames(double seconds) => (int)Math.Round(seconds * VoiceActivityDetector.SampleRate / FrameSamples);

    private void Transform()
    {
        for (int lane = 0; lane < RealFft.Lanes; lane++)
        {
            for (int i = 0; i < Window; i++)
            {
                signal[i * RealFft.Lanes + lane] = Hann[i] * samples[lane * FrameSamples + i];
            }
        }
        fft.Transform(MemoryMarshal.Cast<float, Vector<float>>(signal), real, imaginary);
        for (int bin = 0; bin < real.Length; bin++)
        {
            (real[bin] * real[bin] + imaginary[bin] * imaginary[bin]).CopyTo(power, bin * RealFft.Lanes);
        }
        for (int lane = 0; lane < RealFft.Lanes && transformed < samplesIn / FrameSamples; lane++)
        {
            var sound = new Sound();
            SetShape(ref sound, lane);
            SetSteadiness(ref sound, lane, peaks[(transformed + 1) % peaks.Length], peaks[transformed % peaks.Length]);
            sounds.Enqueue(sound);
            transformed++;
        }
        int used = RealFft.Lanes * FrameSamples;
        samples.AsSpan(used).CopyTo(samples);
        filled -= used;
    }

    private float Power(int bin, int lane) => power[bin * RealFft.Lanes + lane];

    private void SetShape(ref Sound sound, int lane)
    {
        float loudest = float.MinValue;
        for (int band = 0; band < Bands; band++)
        {
            double sum = BandFloor;
            for (int bin = Edges[band]; bin < Edges[band + 1]; bin++)
            {
                sum += Power(bin, lane);
            }
            sound.Shape[band] = (float)(10 * Math.Log10(sum));
            loudest = Math.Max(loudest, sound.Shape[band]);
        }
        float mean = 0;
        foreach (ref float level in sound.Shape)
        {
            level = Math.Max(level, loudest - (float)BandRange);
            mean += level / Bands;
        }
        foreach (ref float level in sound.Shape)
        {
            level -= mean;
        }
    }

    /// <summary>Finds the peaks, interpolates each with a parabola through the logarithms, and sees which of them were there
    /// before. A peak weighs as much as it is above the lowest that count, in dB.</summary>
    private void SetSteadiness(ref Sound sound, int lane, float[] before, float[] now)
    {
        float strongest = 0;
        for (int bin = FirstPeak; bin < LastPeak; bin++)
        {
            strongest = Math.Max(strongest, Power(bin, lane));
        }
        Array.Fill(now, -1);
        float lowest = strongest * (float)Math.Pow(10, -PeakRange / 10);
        for (int bin = FirstPeak; bin < LastPeak; bin++)
        {
            float power = Power(bin, lane), left = Power(bin - 1, lane), right = Power(bin + 1, lane);
            if (power > lowest && power > left && power >= right)
            {
                float a = MathF.Log(power / Math.Max(left, float.Epsilon)), b = MathF.Log(power / Math.Max(right, float.Epsilon));
                float at = bin + 0.5f * (b - a) / (a + b);
                float weight = MathF.Log(power / lowest);
                now[bin] = at;
                sound.Peaks += weight;
                if (Near(at, before[bin - 1]) || Near(at, before[bin]) || Near(at, before[bin + 1]))
                {
                    sound.SteadyPeaks += weight;
                }
            }
        }

        static bool Near(float a, float b) => Math.Abs(a - b) < SteadyBins;
    }

    private void AddFrames(List<FrameActivity> frames)
    {
        foreach (FrameActivity activity in decided)
        {
            activities.Enqueue(activity);
        }
        decided.Clear();
        while (sounds.Count > 0 && activities.TryDequeue(out FrameActivity activity))
        {
            recent[added++ % recent.Length] = (activity, sounds.Dequeue());
            if (added > context)
            {
                Judge(added - 1 - context, frames);
            }
        }
    }

    /// <summary>Judges the sound around a frame, and with it decides on the first frame that it can matter to.</summary>
    private void Judge(long middle, List<FrameActivity> frames)
    {
        if (middle < added && IsLikeSpeech(middle))
        {
            lastLikeSpeech = middle;
        }
        if (middle >= context)
        {
            FrameActivity activity = recent[(middle - context) % recent.Length].Activity;
            frames.Add(activity with { IsSpeech = activity.IsSpeech && lastLikeSpeech >= middle - 2 * context });
        }
    }

    private bool IsLikeSpeech(long middle)
    {
        if (!recent[middle % recent.Length].Activity.IsSpeech)
        {
            return false;
        }
        int count = 0;
        float peaks = 0, steady = 0;
        Span<float> sum = stackalloc float[Bands];
        Span<float> squares = stackalloc float[Bands];
        sum.Clear();
        squares.Clear();
        for (long i = Math.Max(0, middle - context); i <= middle + context && i < added; i++)
        {
            ref var frame = ref recent[i % recent.Length];
            if (frame.Activity.IsSpeech)
            {
                count++;
                peaks += frame.Sound.Peaks;
                steady += frame.Sound.SteadyPeaks;
                for (int band = 0; band < Bands; band++)
                {
                    float level = frame.Sound.Shape[band];
                    sum[band] += level;
                    squares[band] += level * level;
                }
            }
        }
        double variance = 0;
        for (int band = 0; band < Bands; band++)
        {
            double mean = sum[band] / count;
            variance += (squares[band] / count - mean * mean) / Bands;
        }
        bool isNoise = count >= minNoise && variance < minShapeChange * minShapeChange;
        bool areNotes = count >= minNotes && steady > maxSteadyShare * peaks;
        return !isNoise && !areNotes;
    }

    /// <summary>What is known of a frame's sound: the weight of its peaks and of those that were there before, and the levels
    /// of the bands, dB, above their mean.</summary>
    private struct Sound
    {
        public float Peaks;
        public float SteadyPeaks;
        public Levels Shape;
    }

    [InlineArray(Bands)]
    private struct Levels
    {
        private float first;
    }
}
