using System.Globalization;
using System.Numerics.Tensors;
using System.Text;
using System.Text.Json;
using Omoai.Transcripts.Activities;

namespace Omoai.Speech.Features;

/// <summary>
/// Cepstral mean and variance normalisation by a file: (x + shift) · scale for each value of a frame. Read from wenet's
/// <c>global_cmvn</c>, JSON with the sums over a training set (<c>mean_stat</c>, <c>var_stat</c>, <c>frame_num</c>), and
/// from FunASR's <c>am.mvn</c>, the text of a Kaldi nnet with <c>AddShift</c> and <c>Rescale</c>.
/// </summary>
internal sealed class GlobalCmvn
{
    // Some forty times what the known models have.
    private const int MaxBytes = 1 << 20;

    private readonly float[] _shift;
    private readonly float[] _scale;

    private GlobalCmvn(float[] shift, float[] scale) => (_shift, _scale) = (shift, scale);

    /// <param name="stream">The file.</param>
    /// <param name="name">Its name, for messages.</param>
    /// <param name="bins">Values of a frame before stacking.</param>
    /// <param name="width">Values of a frame after it, a multiple of <paramref name="bins"/>. A file with values for each bin serves
    /// every frame that was stacked.</param>
    /// <exception cref="MissingRequirementException">It isn't such a file, or for frames of another width.</exception>
    public static GlobalCmvn Read(Stream stream, string name, int bins, int width)
    {
        try
        {
            var text = ReadText(stream);
            var (shift, scale) = text.AsSpan().TrimStart() is ['{', ..] ? ReadWenet(text) : ReadNnet(text);
            if (shift.Length != scale.Length || (shift.Length != bins && shift.Length != width))
            {
                throw new FormatException(
                    $"it has {shift.Length} means and {scale.Length} scales; the features have {bins} bins, {width} when stacked");
            }

            return !shift.Concat(scale).All(float.IsFinite)
                ? throw new FormatException("a value isn't finite")
                : new GlobalCmvn(Tile(shift, width), Tile(scale, width));
        }
        catch (Exception e) when (e is FormatException or JsonException or InvalidOperationException or DecoderFallbackException)
        {
            throw new MissingRequirementException(
                $"The model's {name} is neither a global_cmvn of wenet nor an am.mvn of FunASR that fits its features: {e.Message}", e);
        }
    }

    /// <summary>Normalises frames, row by row, in place.</summary>
    public void Apply(Span<float> features)
    {
        for (; !features.IsEmpty; features = features[_shift.Length..])
        {
            var row = features[.._shift.Length];
            TensorPrimitives.AddMultiply(row, _shift, _scale, row);
        }
    }

    private static string ReadText(Stream stream)
    {
        var buffer = new byte[MaxBytes + 1];
        var length = stream.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false);
        return length <= MaxBytes
            ? Encoding.UTF8.GetString(buffer, 0, length)
            : throw new FormatException($"it has more than {MaxBytes} bytes");
    }

    private static (float[] Shift, float[] Scale) ReadWenet(string text)
    {
        using var json = JsonDocument.Parse(text);
        var frames = Property("frame_num").GetDouble();
        if (!(frames >= 1))
        {
            throw new FormatException("frame_num isn't at least 1");
        }

        double[] means = [.. Property("mean_stat").EnumerateArray().Select(value => value.GetDouble() / frames)];
        double[] squares = [.. Property("var_stat").EnumerateArray().Select(value => value.GetDouble() / frames)];
        // The least variance is wenet's own.
        return (
            [.. means.Select(mean => (float)-mean)],
            [.. squares.Zip(means, (square, mean) => (float)(1 / Math.Sqrt(Math.Max(square - (mean * mean), 1e-20))))]);

        JsonElement Property(string name) =>
            json.RootElement.TryGetProperty(name, out var value) ? value : throw new FormatException($"it has no {name}");
    }

    private static (float[] Shift, float[] Scale) ReadNnet(string text)
    {
        return (Vector("<AddShift>"), Vector("<Rescale>"));

        float[] Vector(string component)
        {
            var at = text.IndexOf(component, StringComparison.Ordinal);
            var from = at < 0 ? -1 : text.IndexOf('[', at);
            var to = from < 0 ? -1 : text.IndexOf(']', from);
            return to < 0
                ? throw new FormatException($"it has no values for {component}")
                : [.. text[(from + 1)..to].Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)
                    .Select(value => float.Parse(value, NumberStyles.Float, CultureInfo.InvariantCulture))];
        }
    }

    private static float[] Tile(float[] values, int width) =>
        [.. Enumerable.Range(0, width).Select(i => values[i % values.Length])];
}
