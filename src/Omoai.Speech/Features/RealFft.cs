using System.Numerics;
using System.Runtime.CompilerServices;

namespace Omoai.Speech.Features;

/// <summary>
/// The discrete Fourier transform of real signals of one power-of-two length: a radix-2 transform of half the length on
/// the even and odd samples as one complex signal (Cooley and Tukey 1965; the packing is that of Numerical Recipes,
/// 12.3.2). Not thread-safe: it owns its scratch memory.
/// </summary>
public sealed class RealFft
{
    private readonly int _half;
    private readonly int[] _reversed;
    private readonly float[] _real;
    private readonly float[] _imaginary;

    // The factors of each stage lie together, those of the stage with blocks of 2n at n - 1 … 2n - 2.
    private readonly float[] _stageCosines;
    private readonly float[] _stageSines;
    private readonly float[] _lastCosines;
    private readonly float[] _lastSines;

    /// <param name="length">Samples in a signal: a power of two, at least 4.</param>
    public RealFft(int length)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(length, 4);
        if (!BitOperations.IsPow2(length))
        {
            throw new ArgumentOutOfRangeException(nameof(length), length, "The length must be a power of two.");
        }

        Length = length;
        _half = length / 2;
        _real = new float[_half];
        _imaginary = new float[_half];
        _reversed = new int[_half];
        for (var i = 1; i < _half; i++)
        {
            _reversed[i] = (_reversed[i / 2] / 2) | ((i & 1) * (_half / 2));
        }

        _stageCosines = new float[_half - 1];
        _stageSines = new float[_half - 1];
        for (var size = 1; size < _half; size *= 2)
        {
            Factors(_stageCosines.AsSpan(size - 1, size), _stageSines.AsSpan(size - 1, size), 2 * size);
        }

        _lastCosines = new float[_half];
        _lastSines = new float[_half];
        Factors(_lastCosines, _lastSines, length);
    }

    /// <summary>Samples in a signal.</summary>
    public int Length { get; }

    /// <summary>Frequencies in a spectrum: <see cref="Length"/> / 2 + 1.</summary>
    public int SpectrumLength => _half + 1;

    /// <summary>Computes X[k] = Σ signal[n]·exp(-2πi·k·n / Length), not scaled.</summary>
    /// <param name="signal">[<see cref="Length"/>].</param>
    /// <param name="real">[<see cref="SpectrumLength"/>].</param>
    /// <param name="imaginary">[<see cref="SpectrumLength"/>].</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Transform(ReadOnlySpan<float> signal, Span<float> real, Span<float> imaginary)
    {
        if (signal.Length != Length || real.Length != SpectrumLength || imaginary.Length != SpectrumLength)
        {
            throw new ArgumentException($"A signal has {Length} samples and its spectrum {SpectrumLength} values.");
        }

        for (var i = 0; i < _half; i++)
        {
            var to = _reversed[i];
            _real[to] = signal[2 * i];
            _imaginary[to] = signal[(2 * i) + 1];
        }

        for (var size = 1; size < _half; size *= 2)
        {
            var cosines = _stageCosines.AsSpan(size - 1, size);
            var sines = _stageSines.AsSpan(size - 1, size);
            for (var start = 0; start < _half; start += 2 * size)
            {
                Butterflies(
                    _real.AsSpan(start, size), _imaginary.AsSpan(start, size),
                    _real.AsSpan(start + size, size), _imaginary.AsSpan(start + size, size), cosines, sines);
            }
        }

        // The spectra of the even samples, E, and of the odd ones, O, come apart by their symmetry: X[k] = E[k] + w^k·O[k].
        real[0] = _real[0] + _imaginary[0];
        imaginary[0] = 0;
        real[_half] = _real[0] - _imaginary[0];
        imaginary[_half] = 0;
        for (var k = 1; k < _half; k++)
        {
            var mirror = _half - k;
            var evenReal = 0.5f * (_real[k] + _real[mirror]);
            var evenImaginary = 0.5f * (_imaginary[k] - _imaginary[mirror]);
            var oddReal = 0.5f * (_imaginary[k] + _imaginary[mirror]);
            var oddImaginary = 0.5f * (_real[mirror] - _real[k]);
            real[k] = evenReal + (oddReal * _lastCosines[k]) - (oddImaginary * _lastSines[k]);
            imaginary[k] = evenImaginary + (oddReal * _lastSines[k]) + (oddImaginary * _lastCosines[k]);
        }
    }

    /// <summary>(a, b) becomes (a + w·b, a - w·b) for each pair of a block.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Butterflies(
        Span<float> aReal, Span<float> aImaginary, Span<float> bReal, Span<float> bImaginary,
        ReadOnlySpan<float> cosines, ReadOnlySpan<float> sines)
    {
        var i = 0;
        for (; i <= aReal.Length - Vector<float>.Count; i += Vector<float>.Count)
        {
            var (c, s) = (new Vector<float>(cosines[i..]), new Vector<float>(sines[i..]));
            var (br, bi) = (new Vector<float>(bReal[i..]), new Vector<float>(bImaginary[i..]));
            var (ar, ai) = (new Vector<float>(aReal[i..]), new Vector<float>(aImaginary[i..]));
            var (wr, wi) = ((br * c) - (bi * s), (br * s) + (bi * c));
            (ar + wr).CopyTo(aReal[i..]);
            (ai + wi).CopyTo(aImaginary[i..]);
            (ar - wr).CopyTo(bReal[i..]);
            (ai - wi).CopyTo(bImaginary[i..]);
        }

        for (; i < aReal.Length; i++)
        {
            var wr = (bReal[i] * cosines[i]) - (bImaginary[i] * sines[i]);
            var wi = (bReal[i] * sines[i]) + (bImaginary[i] * cosines[i]);
            bReal[i] = aReal[i] - wr;
            bImaginary[i] = aImaginary[i] - wi;
            aReal[i] += wr;
            aImaginary[i] += wi;
        }
    }

    private static void Factors(Span<float> cosines, Span<float> sines, int period)
    {
        for (var k = 0; k < cosines.Length; k++)
        {
            var (sine, cosine) = Math.SinCos(-2 * Math.PI * k / period);
            cosines[k] = (float)cosine;
            sines[k] = (float)sine;
        }
    }
}
