using System.Numerics.Tensors;

namespace Omoai.Language.Tests.Support;

/// <summary>
/// The trained part of <see cref="ToyModel"/>: one head of attention and the layer that scores tokens. At the position of a token it looks
/// for where the tokens up to it were before (keys are made of what came before, as in the induction heads of Olsson et al., "In-context
/// learning and induction heads", 2022), takes the token that came next, and writes that one, or what else is right there. It learns all
/// of that from examples, by gradient descent (Adam): before, it attends to everything and writes anything.
/// </summary>
internal sealed class ToyTraining
{
    /// <summary>Width of a token's code.</summary>
    public const int Width = 64;

    /// <summary>Tokens before a position that keys and queries hold: queries its own and two before, keys three before their own.</summary>
    public const int Shifts = 3;

    private const int BatchSize = 8;
    private readonly Random random = new(1);
    private readonly List<Parameter> parameters;

    /// <param name="outputs">Tokens that it may write.</param>
    public ToyTraining(int outputs)
    {
        // What attention takes is scored first: as long as that says nothing, no direction of attention is better than another.
        Output = new Parameter(outputs * 2 * Width, 0.1f);
        Bias = new Parameter(outputs, 0.1f);
        parameters = [.. Gains, Own, Output, Bias];
    }

    /// <summary>How much each number of a code counts where a query's token is compared with a key's, for each shift.</summary>
    public Parameter[] Gains { get; } = [.. Enumerable.Range(0, Shifts).Select(_ => new Parameter(Width, 0.2f))];

    /// <summary>What a key's own token adds, whatever is asked.</summary>
    public Parameter Own { get; } = new(Width, 0.02f);

    /// <summary>[outputs, what attention took and the token itself].</summary>
    public Parameter Output { get; }

    public Parameter Bias { get; }

    /// <summary>The code of a token's kind: rows of Hadamard's matrix of 64, so that any two are orthogonal, of length 1.</summary>
    public static float[] Code(int kind) =>
        [.. Enumerable.Range(0, Width).Select(i => (int.PopCount(kind & i) % 2 == 0 ? 1 : -1) / MathF.Sqrt(Width))];

    /// <summary>Learns from examples that are made as it goes.</summary>
    /// <param name="steps">Batches of examples.</param>
    /// <param name="example">Kinds of a prompt and of the reply but for its end, and from where on which token is to follow.</param>
    public void Learn(int steps, Func<Random, (int[] Kinds, int[] Follows)> example)
    {
        var codes = Enumerable.Range(0, Width).Select(Code).ToArray();
        for (var step = 1; step <= steps; step++)
        {
            var examples = Enumerable.Range(0, BatchSize).Select(_ => example(random)).ToList();
            var count = examples.Sum(one => one.Follows.Length);
            foreach (var (kinds, follows) in examples)
            {
                for (var i = 0; i < follows.Length; i++)
                {
                    Learn(codes, kinds.AsSpan(0, kinds.Length - follows.Length + i + 1), follows[i], 1f / count);
                }
            }

            parameters.ForEach(parameter => parameter.Step(step));
        }
    }

    /// <summary>Adds the gradients of one token that follows others.</summary>
    private void Learn(float[][] codes, ReadOnlySpan<int> kinds, int follows, float weight)
    {
        var last = kinds.Length - 1;
        var attention = new float[kinds.Length];
        var own = new float[Width];
        for (var j = 0; j <= last; j++)
        {
            attention[j] = TensorPrimitives.Dot(Own.Values, codes[kinds[j]]);
            for (var shift = 0; shift < Shifts; shift++)
            {
                TensorPrimitives.Multiply(codes[At(kinds, last - shift)], codes[At(kinds, j - 1 - shift)], own);
                attention[j] += TensorPrimitives.Dot(Gains[shift].Values, own);
            }
        }

        TensorPrimitives.SoftMax(attention, attention);
        var taken = new float[2 * Width];
        for (var j = 0; j <= last; j++)
        {
            TensorPrimitives.MultiplyAdd(codes[kinds[j]], attention[j], taken.AsSpan(0, Width), taken.AsSpan(0, Width));
        }

        codes[kinds[last]].CopyTo(taken, Width);
        var scores = new float[Bias.Values.Length];
        for (var id = 0; id < scores.Length; id++)
        {
            scores[id] = Bias.Values[id] + TensorPrimitives.Dot(Output.Values.AsSpan(id * 2 * Width, 2 * Width), taken);
        }

        // From here on back: the slope of cross-entropy.
        TensorPrimitives.SoftMax(scores, scores);
        scores[follows] -= 1;
        TensorPrimitives.Multiply(scores, weight, scores);
        var back = new float[2 * Width];
        for (var id = 0; id < scores.Length; id++)
        {
            var row = Output.Gradient.AsSpan(id * 2 * Width, 2 * Width);
            TensorPrimitives.MultiplyAdd(taken, scores[id], row, row);
            TensorPrimitives.MultiplyAdd(Output.Values.AsSpan(id * 2 * Width, 2 * Width), scores[id], back, back);
        }

        TensorPrimitives.Add(Bias.Gradient, scores, Bias.Gradient);
        var slopes = new float[kinds.Length];
        for (var j = 0; j <= last; j++)
        {
            slopes[j] = TensorPrimitives.Dot(back.AsSpan(0, Width), codes[kinds[j]]);
        }

        var mean = TensorPrimitives.Dot(slopes, attention);
        for (var j = 0; j <= last; j++)
        {
            var slope = attention[j] * (slopes[j] - mean);
            TensorPrimitives.MultiplyAdd(codes[kinds[j]], slope, Own.Gradient, Own.Gradient);
            for (var shift = 0; shift < Shifts; shift++)
            {
                TensorPrimitives.Multiply(codes[At(kinds, last - shift)], codes[At(kinds, j - 1 - shift)], own);
                TensorPrimitives.MultiplyAdd(own, slope, Gains[shift].Gradient, Gains[shift].Gradient);
            }
        }
    }

    private static int At(ReadOnlySpan<int> kinds, int index) => kinds[Math.Max(0, index)];

    /// <summary>Numbers that are learned, by Adam (Kingma and Ba, 2015).</summary>
    internal sealed class Parameter(int count, float rate)
    {
        private readonly float[] first = new float[count];
        private readonly float[] second = new float[count];

        public float[] Values { get; } = new float[count];

        public float[] Gradient { get; } = new float[count];

        public void Step(int step)
        {
            var (firstScale, secondScale) = (1 - MathF.Pow(0.9f, step), 1 - MathF.Pow(0.99f, step));
            for (var i = 0; i < Values.Length; i++)
            {
                first[i] = (0.9f * first[i]) + (0.1f * Gradient[i]);
                second[i] = (0.99f * second[i]) + (0.01f * Gradient[i] * Gradient[i]);
                Values[i] -= rate * (first[i] / firstScale) / (MathF.Sqrt(second[i] / secondScale) + 1e-8f);
                Gradient[i] = 0;
            }
        }
    }
}
