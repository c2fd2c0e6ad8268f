using System.Numerics.Tensors;

namespace Omoai.Speech.Vad;

/// <summary>
/// Voice-activity detection by energy. A frame of 20 ms is speech when its level is well above that of the background,
/// which is a low percentile of the levels around it (a form of minimum statistics: R. Martin, 2001). What is constant is
/// background, whatever its level: hum, hiss, silence. What is not constant is taken for speech: energy can't tell music
/// from it; see <see cref="SteadySoundFilter"/>. A frame's strength is its level in dB.
/// </summary>
public sealed class EnergyVad : IFrameClassifier
{
    private const int FrameLength = 320; // 20 ms, a whole period of 50 Hz hum
    private const double FramesPerSecond = (double)VoiceActivityDetector.SampleRate / FrameLength;

    // A first-order high-pass at about 76 Hz takes out what isn't voice: offset, rumble, part of mains hum.
    private const float HighPass = 0.97f;

    // Levels are kept to half a dB between these; nothing quieter than the lowest is told apart from digital silence.
    private const double LowestLevel = -90;
    private const double BinsPerDecibel = 2;
    private const int Bins = (int)(-LowestLevel * BinsPerDecibel) + 1;

    private readonly EnergyVadOptions options;
    private readonly int past;
    private readonly int ahead;
    private readonly double[] levels;
    private readonly int[] histogram = new int[Bins];
    private readonly float[] frame = new float[FrameLength];

    private int inFrame;
    private float previousInput;
    private float previousOutput;
    private long framesIn;
    private long framesDecided;
    private long histogramStart;
    private long histogramEnd;
    private bool active;

    public EnergyVad(EnergyVadOptions? options = null)
    {
        this.options = options ??= new EnergyVadOptions();
        past = Frames(options.NoisePastSeconds);
        ahead = Frames(options.NoiseAheadSeconds);
        levels = new double[past + ahead + 2];
    }

    public int FrameSamples => FrameLength;

    public void Process(ReadOnlySpan<float> samples, List<FrameActivity> frames)
    {
        foreach (float sample in samples)
        {
            previousOutput = sample - previousInput + HighPass * previousOutput;
            previousInput = sample;
            frame[inFrame++] = previousOutput;
            if (inFrame == FrameLength)
            {
                AddFrame();
                while (framesDecided + ahead < framesIn)
                {
                    frames.Add(Decide());
                }
            }
        }
    }

    public void Finish(List<FrameActivity> frames)
    {
        while (framesDecided < framesIn)
        {
            frames.Add(Decide());
        }
    }

    public void Dispose()
    {
        // There is nothing to give back.
    }

    private static int Frames(double seconds) => (int)Math.Round(seconds * FramesPerSecond);

    private ref double Level(long index) => ref levels[index % levels.Length];

    private static int Bin(double level) => (int)((level - LowestLevel) * BinsPerDecibel);

    private void AddFrame()
    {
        double power = TensorPrimitives.SumOfSquares<float>(frame) / FrameLength;
        Level(framesIn++) = Math.Clamp(10 * Math.Log10(power + 1e-12), LowestLevel, 0);
        inFrame = 0;
    }

    private FrameActivity Decide()
    {
        double level = Level(framesDecided++);
        double noise = NoiseLevel();
        active = level > (active
            ? Math.Max(options.StayLevel, noise + options.StayAboveNoise)
            : Math.Max(options.StartLevel, noise + options.StartAboveNoise));
        return new FrameActivity(active, level);
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
}
