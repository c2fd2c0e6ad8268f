using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Omoai.Speech.Features;

/// <summary>Rows become columns.</summary>
internal static class Transposition
{
    /// <param name="from">[rows, <paramref name="columns"/>].</param>
    /// <param name="columns">Values in a row of <paramref name="from"/>.</param>
    /// <param name="to">[<paramref name="columns"/>, rows].</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Transpose(ReadOnlySpan<float> from, int columns, Span<float> to)
    {
        var rows = from.Length / columns;
        var (wholeRows, wholeColumns) = Avx.IsSupported ? (rows & ~7, columns & ~7) : (0, 0);
        for (var row = 0; row < wholeRows; row += 8)
        {
            for (var column = 0; column < wholeColumns; column += 8)
            {
                TransposeBlock(from[((row * columns) + column)..], columns, to[((column * rows) + row)..], rows);
            }
        }

        for (var row = 0; row < rows; row++)
        {
            for (var column = row < wholeRows ? wholeColumns : 0; column < columns; column++)
            {
                to[(column * rows) + row] = from[(row * columns) + column];
            }
        }
    }

    /// <summary>8 rows of 8 values, which lie <paramref name="fromStep"/> apart, to <paramref name="toStep"/> apart.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void TransposeBlock(ReadOnlySpan<float> from, int fromStep, Span<float> to, int toStep)
    {
        var (r0, r1) = (Vector256.Create(from), Vector256.Create(from[fromStep..]));
        var (r2, r3) = (Vector256.Create(from[(2 * fromStep)..]), Vector256.Create(from[(3 * fromStep)..]));
        var (r4, r5) = (Vector256.Create(from[(4 * fromStep)..]), Vector256.Create(from[(5 * fromStep)..]));
        var (r6, r7) = (Vector256.Create(from[(6 * fromStep)..]), Vector256.Create(from[(7 * fromStep)..]));

        // Pairs of rows, then fours, in both halves of a vector; then the halves.
        var (p0, p1, p2, p3) = (Avx.UnpackLow(r0, r1), Avx.UnpackHigh(r0, r1), Avx.UnpackLow(r2, r3), Avx.UnpackHigh(r2, r3));
        var (p4, p5, p6, p7) = (Avx.UnpackLow(r4, r5), Avx.UnpackHigh(r4, r5), Avx.UnpackLow(r6, r7), Avx.UnpackHigh(r6, r7));
        var (q0, q1, q2, q3) = (Avx.Shuffle(p0, p2, 0x44), Avx.Shuffle(p0, p2, 0xEE), Avx.Shuffle(p1, p3, 0x44), Avx.Shuffle(p1, p3, 0xEE));
        var (q4, q5, q6, q7) = (Avx.Shuffle(p4, p6, 0x44), Avx.Shuffle(p4, p6, 0xEE), Avx.Shuffle(p5, p7, 0x44), Avx.Shuffle(p5, p7, 0xEE));
        Avx.Permute2x128(q0, q4, 0x20).CopyTo(to);
        Avx.Permute2x128(q1, q5, 0x20).CopyTo(to[toStep..]);
        Avx.Permute2x128(q2, q6, 0x20).CopyTo(to[(2 * toStep)..]);
        Avx.Permute2x128(q3, q7, 0x20).CopyTo(to[(3 * toStep)..]);
        Avx.Permute2x128(q0, q4, 0x31).CopyTo(to[(4 * toStep)..]);
        Avx.Permute2x128(q1, q5, 0x31).CopyTo(to[(5 * toStep)..]);
        Avx.Permute2x128(q2, q6, 0x31).CopyTo(to[(6 * toStep)..]);
        Avx.Permute2x128(q3, q7, 0x31).CopyTo(to[(7 * toStep)..]);
    }
}
