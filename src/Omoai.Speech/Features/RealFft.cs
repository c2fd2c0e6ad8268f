using System.Numerics;
using System.Runtime.CompilerServices;

namespace Omoai.Speech.Features;

/// <summary>
/// The discrete Fourier transform of real signals of one length, a product of 2, 3 and 5 (Cooley and Tukey, 1965):
/// decimation in time by radices 4, 2, 3 and 5. Signals of even length go as complex ones of half the length, the even and
/// the odd samples (Numerical Recipes, 12.3.2). It transforms <see cref="Lanes"/> signals at once, one in each lane of a
/// vector, so that every step uses whole vectors whatever the length. Not thread-safe: it owns its scratch memory.
/// </summary>
public sealed class RealFft
{
    private static readonly float Sin60 = MathF.Sqrt(3) / 2;
    private static readonly float Cos72 = (float)Math.Cos(2 * Math.PI / 5);
    private static readonly float Sin72 = (float)Math.Sin(2 * Math.PI / 5);
    private static readonly float Cos144 = (float)Math.Cos(4 * Math.PI / 5);
    private static readonly float Sin144 = (float)Math.Sin(4 * Math.PI / 5);

    // The complex signal, and where each of its values begins.
    private readonly Vector<float>[] _real;
    private readonly Vector<float>[] _imaginary;
    private readonly int[] _order;

    private readonly Stage[] _stages;
    private readonly Factor[] _last;

    /// <param name="length">Samples in a signal: a product of 2, 3 and 5, at least 4.</param>
    public RealFft(int length)
    {
        if (!IsLength(length))
        {
            throw new ArgumentOutOfRangeException(nameof(length), length, "The length must be a product of 2, 3 and 5, at least 4.");
        }

        Length = length;
        var count = length % 2 == 0 ? length / 2 : length;
        _real = new Vector<float>[count];
        _imaginary = new Vector<float>[count];
        _stages = Stages(count);
        _order = [.. Enumerable.Range(0, count).Select(i => Place(i, count))];
        _last = [.. Enumerable.Range(0, SpectrumLength).Select(k => Factor.Root(k, length))];
    }

    /// <summary>Signals that are transformed at once.</summary>
    public static int Lanes => Vector<float>.Count;

    /// <summary>Samples in a signal.</summary>
    public int Length { get; }

    /// <summary>Frequencies in a spectrum: <see cref="Length"/> / 2 + 1.</summary>
    public int SpectrumLength => (Length / 2) + 1;

    /// <summary>Whether signals of that length can be transformed.</summary>
    public static bool IsLength(int length)
    {
        if (length < 4)
        {
            return false;
        }

        foreach (var factor in (ReadOnlySpan<int>)[2, 3, 5])
        {
            while (length % factor == 0)
            {
                length /= factor;
            }
        }

        return length == 1;
    }

    /// <summary>Computes X[k] = Σ signal[n]·exp(-2πi·k·n / Length), not scaled, in each lane.</summary>
    /// <param name="signal">[<see cref="Length"/>].</param>
    /// <param name="real">[<see cref="SpectrumLength"/>].</param>
    /// <param name="imaginary">[<see cref="SpectrumLength"/>].</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Transform(ReadOnlySpan<Vector<float>> signal, Span<Vector<float>> real, Span<Vector<float>> imaginary)
    {
        if (signal.Length != Length || real.Length != SpectrumLength || imaginary.Length != SpectrumLength)
        {
            throw new ArgumentException($"A signal has {Length} samples and its spectrum {SpectrumLength} values.");
        }

        var even = Length % 2 == 0;
        for (var i = 0; i < _order.Length; i++)
        {
            var to = _order[i];
            _real[to] = signal[even ? 2 * i : i];
            _imaginary[to] = even ? signal[(2 * i) + 1] : default;
        }

        foreach (var stage in _stages)
        {
            switch (stage.Radix)
            {
                case 2:
                    Radix2(stage);
                    break;
                case 3:
                    Radix3(stage);
                    break;
                case 4:
                    Radix4(stage);
                    break;
                default:
                    Radix5(stage);
                    break;
            }
        }

        if (even)
        {
            Part(real, imaginary);
        }
        else
        {
            _real.AsSpan(0, SpectrumLength).CopyTo(real);
            _imaginary.AsSpan(0, SpectrumLength).CopyTo(imaginary);
        }
    }

    /// <summary>The spectra of the even samples, E, and of the odd ones, O, come apart by their symmetry: X[k] = E[k] + w^k·O[k].</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Part(Span<Vector<float>> real, Span<Vector<float>> imaginary)
    {
        var half = _real.Length;
        real[0] = _real[0] + _imaginary[0];
        imaginary[0] = default;
        real[half] = _real[0] - _imaginary[0];
        imaginary[half] = default;
        for (var k = 1; k < half; k++)
        {
            var mirror = half - k;
            var evenReal = 0.5f * (_real[k] + _real[mirror]);
            var evenImaginary = 0.5f * (_imaginary[k] - _imaginary[mirror]);
            var oddReal = 0.5f * (_imaginary[k] + _imaginary[mirror]);
            var oddImaginary = 0.5f * (_real[mirror] - _real[k]);
            var (turnedReal, turnedImaginary) = _last[k].Times(oddReal, oddImaginary);
            real[k] = evenReal + turnedReal;
            imaginary[k] = evenImaginary + turnedImaginary;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Radix2(Stage stage)
    {
        var size = stage.Size;
        var (re, im) = (_real, _imaginary);
        for (var k = 0; k < size; k++)
        {
            var w = stage.Factors[k];
            for (var a = k; a < re.Length; a += 2 * size)
            {
                var b = a + size;
                var (br, bi) = w.Times(re[b], im[b]);
                (re[b], im[b]) = (re[a] - br, im[a] - bi);
                (re[a], im[a]) = (re[a] + br, im[a] + bi);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Radix3(Stage stage)
    {
        var size = stage.Size;
        var (re, im) = (_real, _imaginary);
        for (var k = 0; k < size; k++)
        {
            var (w1, w2) = (stage.Factors[2 * k], stage.Factors[(2 * k) + 1]);
            for (var a = k; a < re.Length; a += 3 * size)
            {
                var (b, c) = (a + size, a + (2 * size));
                var (br, bi) = w1.Times(re[b], im[b]);
                var (cr, ci) = w2.Times(re[c], im[c]);
                var (sumR, sumI) = (br + cr, bi + ci);
                var (turnR, turnI) = (Sin60 * (bi - ci), Sin60 * (br - cr));
                var (midR, midI) = (re[a] - (0.5f * sumR), im[a] - (0.5f * sumI));
                (re[a], im[a]) = (re[a] + sumR, im[a] + sumI);
                (re[b], im[b]) = (midR + turnR, midI - turnI);
                (re[c], im[c]) = (midR - turnR, midI + turnI);
            }
        }
    }

    /// <summary>Two stages of radix 2 at once, so that the values go through memory half as often.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Radix4(Stage stage)
    {
        var size = stage.Size;
        var (re, im) = (_real, _imaginary);
        for (var k = 0; k < size; k++)
        {
            var (w1, w2) = (stage.Factors[3 * k], stage.Factors[(3 * k) + 1]);
            for (var a = k; a < re.Length; a += 4 * size)
            {
                var (b, c, d) = (a + size, a + (2 * size), a + (3 * size));
                var (cr, ci) = w2.Times(re[c], im[c]);
                var (dr, di) = w2.Times(re[d], im[d]);
                var (evenR, evenI) = w1.Times(re[b] + dr, im[b] + di);
                var (oddR, oddI) = w1.Times(re[b] - dr, im[b] - di);
                var (sumR, sumI, lessR, lessI) = (re[a] + cr, im[a] + ci, re[a] - cr, im[a] - ci);
                (re[a], im[a]) = (sumR + evenR, sumI + evenI);
                (re[c], im[c]) = (sumR - evenR, sumI - evenI);
                // The odd ones are turned by a quarter more: times -i.
                (re[b], im[b]) = (lessR + oddI, lessI - oddR);
                (re[d], im[d]) = (lessR - oddI, lessI + oddR);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Radix5(Stage stage)
    {
        var size = stage.Size;
        var (re, im) = (_real, _imaginary);
        for (var k = 0; k < size; k++)
        {
            var w = stage.Factors.AsSpan(4 * k, 4);
            for (var a = k; a < re.Length; a += 5 * size)
            {
                var (b, c, d, e) = (a + size, a + (2 * size), a + (3 * size), a + (4 * size));
                var (br, bi) = w[0].Times(re[b], im[b]);
                var (cr, ci) = w[1].Times(re[c], im[c]);
                var (dr, di) = w[2].Times(re[d], im[d]);
                var (er, ei) = w[3].Times(re[e], im[e]);
                var (outerR, outerI, outerDR, outerDI) = (br + er, bi + ei, br - er, bi - ei);
                var (innerR, innerI, innerDR, innerDI) = (cr + dr, ci + di, cr - dr, ci - di);
                var (nearR, nearI) = (re[a] + (Cos72 * outerR) + (Cos144 * innerR), im[a] + (Cos72 * outerI) + (Cos144 * innerI));
                var (farR, farI) = (re[a] + (Cos144 * outerR) + (Cos72 * innerR), im[a] + (Cos144 * outerI) + (Cos72 * innerI));
                var (nearDR, nearDI) = ((Sin72 * outerDR) + (Sin144 * innerDR), (Sin72 * outerDI) + (Sin144 * innerDI));
                var (farDR, farDI) = ((Sin144 * outerDR) - (Sin72 * innerDR), (Sin144 * outerDI) - (Sin72 * innerDI));
                (re[a], im[a]) = (re[a] + outerR + innerR, im[a] + outerI + innerI);
                (re[b], im[b]) = (nearR + nearDI, nearI - nearDR);
                (re[e], im[e]) = (nearR - nearDI, nearI + nearDR);
                (re[c], im[c]) = (farR + farDI, farI - farDR);
                (re[d], im[d]) = (farR - farDI, farI + farDR);
            }
        }
    }

    private static Stage[] Stages(int count)
    {
        var stages = new List<Stage>();
        var size = 1;
        while (size < count)
        {
            var rest = count / size;
            var radix = rest % 4 == 0 ? 4 : rest % 2 == 0 ? 2 : rest % 3 == 0 ? 3 : 5;
            var factors =
                from k in Enumerable.Range(0, size)
                from j in Enumerable.Range(1, radix - 1)
                select Factor.Root(j * k, radix * size);
            stages.Add(new Stage(radix, size, [.. factors]));
            size *= radix;
        }

        return [.. stages];
    }

    /// <summary>Where a value must lie so that each stage finds the spectra that it combines side by side.</summary>
    private int Place(int index, int count)
    {
        var place = 0;
        for (var i = _stages.Length - 1; i >= 0; i--)
        {
            var radix = _stages[i].Radix;
            count /= radix;
            place += index % radix * count;
            index /= radix;
        }

        return place;
    }

    /// <summary>Combines <paramref name="Radix"/> spectra of <paramref name="Size"/> values each; for value k the factors are those of
    /// the second spectrum, the third, …</summary>
    private sealed record Stage(int Radix, int Size, Factor[] Factors);

    /// <summary>A complex number that all lanes are multiplied by.</summary>
    private readonly record struct Factor(float Real, float Imaginary)
    {
        /// <summary>exp(-2πi·k / n)</summary>
        public static Factor Root(int k, int n)
        {
            var (sine, cosine) = Math.SinCos(-2 * Math.PI * k / n);
            return new Factor((float)cosine, (float)sine);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public (Vector<float> Real, Vector<float> Imaginary) Times(Vector<float> real, Vector<float> imaginary) =>
            ((real * Real) - (imaginary * Imaginary), (real * Imaginary) + (imaginary * Real));
    }
}
