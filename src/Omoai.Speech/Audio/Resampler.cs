using System.Numerics.Tensors;

namespace Omoai.Speech.Audio;

/// <summary>
/// Converts one channel from any sample rate to <see cref="OutputRate"/>, block by block: a polyphase filter bank of a
/// sinc
/// under a Kaiser window (J. O. Smith, "Digital Audio Resampling"; Kaiser's formulas for β and the length). Flat to 90
/// % of
/// the lower of both Nyquist frequencies, −90 dB from that frequency on. The filter's delay is taken out: output
/// sample n
/// lies at n / <see cref="OutputRate"/> seconds of the input, and n samples in give round(n · 16000 / rate) out.
/// </summary>
public sealed class Resampler
{
    /// <summary>Samples per second of the output.</summary>
    public const int OutputRate = 16_000;

    private const double StopBandDecibels = 90;
    private const double PassBandShare = 0.9;

    // Rates that share few factors with 16 kHz would need a phase per output position. Linear interpolation between
    // this many
    // keeps its error (below (π / 512)² / 8, −106 dB) under the stop band's.
    private const int InterpolatedPhases = 512;
    private const int MaxExactPhases = 1024;

    private readonly long step;
    private readonly long scale;
    private readonly int phases;
    private readonly int taps;
    private readonly float[] filters = [];

    private float[] history = [];
    private int held;
    private long historyStart;
    private long inputSamples;
    private long outputSamples;
    private float[] output = [];

    /// <param name="inputRate">Samples per second of the input, at least 1.</param>
    public Resampler(int inputRate)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(inputRate, 1);
        int divisor = GreatestCommonDivisor(inputRate, OutputRate);
        step = inputRate / divisor;
        scale = OutputRate / divisor;
        if (step == scale)
        {
            return;
        }

        phases = scale <= MaxExactPhases ? (int)scale : InterpolatedPhases;
        double nyquist = Math.Min(inputRate, OutputRate) / 2.0;
        double transition = (1 - PassBandShare) * nyquist / inputRate;
        int half = (int)Math.Ceiling((StopBandDecibels - 7.95) / (2.285 * 2 * Math.PI * transition) / 2);
        taps = 2 * half;
        filters = DesignFilters(half, cutoff: (1 + PassBandShare) / 2 * nyquist / inputRate);
        // Silence before the first sample, for the filter to reach into.
        historyStart = -half;
        history = new float[taps];
        held = half;
    }

    /// <summary>Takes the next samples and gives those of the output that they complete, valid until the next
    /// call.</summary>
    public ReadOnlySpan<float> Process(ReadOnlySpan<float> input)
    {
        inputSamples += input.Length;
        if (step == scale)
        {
            return input;
        }
        Append(input);
        return Produce(long.MaxValue);
    }

    /// <summary>The rest of the output, after the last input; valid until the next call.</summary>
    public ReadOnlySpan<float> Finish()
    {
        if (step == scale)
        {
            return [];
        }
        long total = (2 * inputSamples * scale + step) / (2 * step);
        Append(new float[taps]);
        return Produce(total);
    }

    private void Append(ReadOnlySpan<float> input)
    {
        if (held + input.Length > history.Length)
        {
            Array.Resize(ref history, Math.Max(held + input.Length, history.Length * 2));
        }
        input.CopyTo(history.AsSpan(held));
        held += input.Length;
    }

    private ReadOnlySpan<float> Produce(long total)
    {
        int half = taps / 2;
        int produced = 0;
        while (outputSamples < total)
        {
            // The output's place among the input samples: position + fraction / scale.
            (long position, long fraction) = Math.DivRem(outputSamples * step, scale);
            int first = (int)(position - half + 1 - historyStart);
            if (first + taps > held)
            {
                break;
            }
            if (produced == output.Length)
            {
                Array.Resize(ref output, Math.Max(1024, output.Length * 2));
            }
            output[produced++] = Filter(history.AsSpan(first, taps), fraction);
            outputSamples++;
        }

        int needless = (int)Math.Clamp(outputSamples * step / scale - half + 1 - historyStart, 0, held);
        history.AsSpan(needless, held - needless).CopyTo(history);
        held -= needless;
        historyStart += needless;
        return output.AsSpan(0, produced);
    }

    private float Filter(ReadOnlySpan<float> samples, long fraction)
    {
        (long phase, long between) = Math.DivRem(fraction * phases, scale);
        float value = TensorPrimitives.Dot(samples, filters.AsSpan((int)phase * taps, taps));
        if (between == 0)
        {
            return value;
        }
        float next = TensorPrimitives.Dot(samples, filters.AsSpan(((int)phase + 1) * taps, taps));
        return value + (next - value) * between / scale;
    }

    /// <summary>One row of taps for each phase and one more, each summing to 1 so that a constant stays what it
    /// is.</summary>
    private float[] DesignFilters(int half, double cutoff)
    {
        double beta = 0.1102 * (StopBandDecibels - 8.7);
        double scaleOfWindow = BesselI0(beta);
        var rows = new float[(phases + 1) * taps];
        var row = new double[taps];
        for (int phase = 0; phase <= phases; phase++)
        {
            for (int t = 0; t < taps; t++)
            {
                double x = (double)phase / phases + half - 1 - t;
                double edge = 1 - x * x / ((double)half * half);
                double window = edge <= 0 ? 0 : BesselI0(beta * Math.Sqrt(edge)) / scaleOfWindow;
                double angle = 2 * Math.PI * cutoff * x;
                row[t] = window * (angle == 0 ? 1 : Math.Sin(angle) / angle);
            }
            double sum = row.Sum();
            for (int t = 0; t < taps; t++)
            {
                rows[phase * taps + t] = (float)(row[t] / sum);
            }
        }
        return rows;
    }

    /// <summary>The modified Bessel function of the first kind, order 0, by its power series.</summary>
    private static double BesselI0(double x)
    {
        double sum = 1, term = 1;
        for (int k = 1; term > sum * 1e-16; k++)
        {
            term *= x / (2 * k) * (x / (2 * k));
            sum += term;
        }
        return sum;
    }

    private static int GreatestCommonDivisor(int a, int b) => b == 0 ? a : GreatestCommonDivisor(b, a % b);
}
