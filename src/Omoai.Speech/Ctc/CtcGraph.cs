using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using Omoai.Shared;
using Omoai.Speech.Features;
using Omoai.Transcripts.Activities;
using Omoai.Transcripts.Models;

namespace Omoai.Speech.Ctc;

/// <summary>
/// The graph of a CTC model with its head: features in, log-probabilities out, as <see cref="CtcSettings"/> describes it. The public
/// exports whose names and shapes it was written for: wenet's export_onnx_cpu.py and export_onnx_gpu.py, ChunkFormer's
/// export_onnx.py, icefall's export-onnx-streaming-ctc.py, sherpa-onnx's sense-voice/export-onnx.py. Not for several threads at once.
/// </summary>
internal sealed class CtcGraph : IDisposable
{
    /// <summary>How far the output's frames may be from what the subsampling says: convolutions without padding take some away.</summary>
    private const int Slack = 4;

    private const int LargestBatch = 8;

    private readonly ModelManifest _manifest;
    private readonly CtcSettings _settings;
    private readonly int _width;
    private readonly int _tokens;
    private readonly ModelSession _session;
    private readonly ModelSession? _head;
    private readonly CtcGraphInputs _inputs;
    private bool _roundsUp = true;

    private CtcGraph(
        ModelManifest manifest, CtcSettings settings, int width, int tokens, ModelSession session, ModelSession? head, CtcGraphInputs inputs)
    {
        (_manifest, _settings, _width, _tokens, _session, _head, _inputs) = (manifest, settings, width, tokens, session, head, inputs);
        BatchSize = settings.Chunk is null && inputs.TakesBatches ? LargestBatch : 1;
    }

    /// <summary>What runs the graph: <c>cuda</c> or <c>cpu</c>.</summary>
    public ExecutionProvider Provider => _session.Provider;

    /// <summary>How many stretches a run takes at most.</summary>
    public int BatchSize { get; }

    /// <summary>Whether stretches of different length can be run together; running them may show that they can't.</summary>
    public bool MixesLengths => BatchSize > 1 && _settings.LengthInput is not null
        && (_settings.LengthOutput is not null || _settings.Subsampling == 1 || _roundsUp);

    /// <summary>Loads the graph, and checks it against its settings.</summary>
    /// <param name="folder">The model's folder.</param>
    /// <param name="manifest">Its manifest.</param>
    /// <param name="settings">The manifest's settings for CTC.</param>
    /// <param name="width">Values in a feature frame.</param>
    /// <param name="tokens">Tokens, blank included.</param>
    /// <param name="threads">Threads that run it on the processor, at least 1.</param>
    /// <param name="cuda">How to use CUDA.</param>
    /// <exception cref="MissingRequirementException">It isn't what its settings say.</exception>
    /// <exception cref="OutOfMemoryException">There is not enough memory for it, now.</exception>
    public static CtcGraph Load(string folder, ModelManifest manifest, CtcSettings settings, int width, int tokens, int threads,
        CudaSettings cuda)
    {
        CtcGraphInputs.CheckSettings(manifest, settings);
        CtcGraphInputs? inputs = null;
        var session = ModelSession.Load(
            folder, manifest, settings.Model, threads, cuda,
            graph => inputs = new CtcGraphInputs(manifest, settings, graph, width, tokens));
        try
        {
            var head = settings.Head is { } second
                ? ModelSession.Load(
                    folder, manifest, second.Model, threads, cuda,
                    graph => CtcGraphInputs.CheckHead(manifest, second, graph, tokens))
                : null;
            return new CtcGraph(manifest, settings, width, tokens, session, head, inputs!);
        }
        catch
        {
            session.Dispose();
            throw;
        }
    }

    /// <summary>Runs the graph on stretches together.</summary>
    /// <param name="features">Of each, [frames, width]; at least <see cref="CtcSettings.MinFrames"/>, and of equal length where
    /// <see cref="MixesLengths"/> is false. No more than <see cref="BatchSize"/>.</param>
    /// <param name="language">The value of <see cref="CtcSettings.LanguageInput"/>; null for the one among the constants.</param>
    /// <param name="cancellationToken">Looked at between runs of the graph.</param>
    /// <exception cref="MissingRequirementException">The graph doesn't compute what its settings say.</exception>
    /// <exception cref="OutOfMemoryException">There is not enough memory for it, now.</exception>
    public IReadOnlyList<LogProbabilities> Run(IReadOnlyList<float[]> features, long? language, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (_settings.Chunk is { } chunk)
        {
            return [RunInChunks(features[0], chunk, language, cancellationToken)];
        }

        var frames = features.Select(item => item.Length / _width).ToArray();
        using var feeds = _inputs.Feed(features, frames.Max(), 0, language);
        string[] names = _settings.LengthOutput is { } length ? [_settings.Output, length] : [_settings.Output];
        using var outputs = _session.Run([.. feeds.Names], [.. feeds.Values], names);
        var results = Read(outputs[0], scores =>
        {
            var given = FramesOf(scores, features.Count);
            CheckFrames(given - _settings.DropFrames, frames.Max());
            return Lengths(outputs, frames, given)?.Select((count, item) => ToLogProbabilities(
                Floats(scores, ((item * given) + _settings.DropFrames) * _tokens, count * _tokens))).ToList();
        });
        return results ?? [.. features.SelectMany(item => Run([item], language, cancellationToken))];
    }

    public void Dispose()
    {
        _session.Dispose();
        _head?.Dispose();
    }

    /// <summary>
    /// The output frames of each of a batch, less those that are dropped; null where they can't be told, because the graph
    /// doesn't round as ceil(frames / subsampling) does: then only equal lengths go together from now on.
    /// </summary>
    private int[]? Lengths(IReadOnlyList<OrtValue> outputs, int[] frames, int given)
    {
        if (_settings.LengthOutput is { } name)
        {
            var lengths = Integers(outputs[1]);
            return lengths.Length == frames.Length && lengths.All(length => length >= 0 && length <= given)
                ? Array.ConvertAll(lengths, length => Math.Max((int)length - _settings.DropFrames, 0))
                : throw Unusable($"its '{name}' is {string.Join(", ", lengths.Take(9))} for an output of {given} frames");
        }

        var longest = frames.Max();
        var rest = given - _settings.DropFrames;
        if (frames.All(count => count == longest))
        {
            return Array.ConvertAll(frames, _ => rest);
        }

        var off = rest - Expected(longest);
        _roundsUp = off == 0;
        return MixesLengths ? Array.ConvertAll(frames, count => Math.Max(Expected(count) + off, 0)) : null;
    }

    private LogProbabilities RunInChunks(float[] features, ChunkSettings chunk, long? language, CancellationToken cancellationToken)
    {
        var total = features.Length / _width;
        var values = ((long)Expected(total) + Slack + _settings.DropFrames) * _tokens;
        if (values > FeatureExtractors.MaxValues)
        {
            throw ModelSession.Unusable(_manifest, $"it gives {values} scores for {total} frames");
        }

        var rows = new float[values];
        var written = 0;
        string[] names = [_settings.Output, .. _inputs.Caches.Select(cache => cache.Output)];
        var first = _inputs.FirstCaches();
        IDisposable owner = first;
        var caches = first.Values;
        try
        {
            for (var at = 0; total - at >= _settings.MinFrames; at += chunk.Frames)
            {
                cancellationToken.ThrowIfCancellationRequested();
                var start = Math.Max(at - chunk.Left, 0);
                var end = chunk.Pad is null ? at + chunk.Frames + chunk.Right : start + chunk.Left + chunk.Frames + chunk.Right;
                var window = features[(start * _width)..(Math.Min(end, total) * _width)];
                using var feeds = _inputs.Feed(
                    [window], chunk.Pad is null ? window.Length / _width : end - start, (float)(chunk.Pad ?? 0), language);
                _inputs.FeedChunk(feeds, chunk, at / _settings.Subsampling, caches);
                var outputs = _session.Run([.. feeds.Names], [.. feeds.Values], names);
                owner.Dispose();
                (owner, caches) = (outputs, [.. outputs.Skip(1)]);

                var skipped = (at - start) / _settings.Subsampling;
                var isLast = total - (at + chunk.Frames) < _settings.MinFrames;
                var wanted = isLast ? Expected(total - at) : chunk.Frames / _settings.Subsampling;
                written = Read(outputs[0], scores =>
                {
                    var given = FramesOf(scores, 1);
                    var count = Math.Max(Math.Min(given - skipped, wanted), 0);
                    if (count < wanted - (isLast ? Slack : 0) || written + (count * _tokens) > rows.Length)
                    {
                        throw Unusable(
                            $"its graph gives {given} frames for a chunk of {end - start}; {skipped} of them and {wanted} more are wanted");
                    }

                    Floats(scores, skipped * _tokens, count * _tokens).CopyTo(rows, written);
                    return written + (count * _tokens);
                });
            }
        }
        finally
        {
            owner.Dispose();
        }

        var dropped = Math.Min(_settings.DropFrames * _tokens, written);
        CheckFrames((written - dropped) / _tokens, total);
        return ToLogProbabilities(rows[dropped..written]);
    }

    /// <summary>Reads the scores that the head, where there is one, makes of the graph's output.</summary>
    private T Read<T>(OrtValue output, Func<OrtValue, T> read) => _settings.Head is { } head
        ? _head!.Run([head.Input], [output], [head.Output], outputs => read(outputs[0]))
        : read(output);

    private int FramesOf(OrtValue scores, int batch)
    {
        var shape = scores.GetTensorTypeAndShape().Shape;
        return shape is [var items, var frames and <= int.MaxValue, var tokens] && items == batch && tokens == _tokens
            && batch * frames * tokens <= Array.MaxLength
            ? (int)frames
            : throw Unusable($"its output is [{string.Join(", ", shape)}], not [{batch}, frames, {_tokens}]");
    }

    private int Expected(int frames) => (frames + _settings.Subsampling - 1) / _settings.Subsampling;

    private void CheckFrames(int given, int frames)
    {
        if (Math.Abs(given - Expected(frames)) > Slack)
        {
            throw Unusable(
                $"its output has {given} frames for {frames} of features, where a subsampling of {_settings.Subsampling} makes {Expected(frames)}");
        }
    }

    private LogProbabilities ToLogProbabilities(float[] values)
    {
        try
        {
            return LogProbabilities.Take(values, _tokens, _settings.Logits);
        }
        catch (ArgumentException e)
        {
            throw Unusable($"its output can't be used ({e.Message})");
        }
    }

    private float[] Floats(OrtValue value, int start, int count)
    {
        var floats = new float[count];
        switch (value.GetTensorTypeAndShape().ElementDataType)
        {
            case TensorElementType.Float:
                value.GetTensorDataAsSpan<float>().Slice(start, count).CopyTo(floats);
                return floats;
            case TensorElementType.Float16:
                TensorPrimitives.ConvertToSingle(
                    MemoryMarshal.Cast<Float16, Half>(value.GetTensorDataAsSpan<Float16>()).Slice(start, count), floats);
                return floats;
            case var other:
                throw Unusable($"its output is of {other}");
        }
    }

    private long[] Integers(OrtValue value) => value.GetTensorTypeAndShape().ElementDataType switch
    {
        TensorElementType.Int64 => value.GetTensorDataAsSpan<long>().ToArray(),
        TensorElementType.Int32 => Array.ConvertAll(value.GetTensorDataAsSpan<int>().ToArray(), number => (long)number),
        var other => throw Unusable($"its '{_settings.LengthOutput}' is of {other}"),
    };

    private MissingRequirementException Unusable(string why) => ModelSession.Unusable(_manifest, why);
}
