using System.Globalization;
using System.Text.RegularExpressions;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using Omoai.Shared;
using Omoai.Transcripts.Activities;
using Omoai.Transcripts.Models;

namespace Omoai.Speech.Whisper;

/// <summary>
/// The decoder of a Whisper model, in any of the three shapes that Optimum exports: one graph without a cache; that and a
/// second one with a cache; or both merged into one, where <c>use_cache_branch</c> chooses. The cache stays on the device.
/// </summary>
internal sealed partial class WhisperDecoder : IDisposable
{
    private const string InputIds = "input_ids";
    private const string EncoderStates = "encoder_hidden_states";
    private const string UseCacheBranch = "use_cache_branch";
    private const string CachePosition = "cache_position";
    private const string Logits = "logits";

    private readonly ModelManifest _manifest;
    private readonly Graph _first;

    // The graph that takes the cache: the same one where it is merged, null where there is none.
    private readonly Graph? _next;
    private readonly IReadOnlyList<AttentionHead> _heads;
    private readonly string[] _attentions;

    private WhisperDecoder(ModelManifest manifest, Graph first, Graph? next, IReadOnlyList<AttentionHead> heads)
    {
        (_manifest, _first, _next) = (manifest, first, next);
        var names = heads.Select(head => AttentionOf(head.Layer)).Distinct().ToArray();
        var exported = heads.Count > 0 && names.All(name => first.Outputs.ContainsKey(name) && next?.Outputs.ContainsKey(name) != false);
        (_heads, _attentions) = exported ? (heads, names) : ([], []);
    }

    /// <summary>What runs the graph, and why.</summary>
    public ExecutionProvider Provider => _first.Session.Provider;

    /// <summary>Heads whose attention each step gives; 0 where the graphs don't export it or none are known to follow the audio.</summary>
    public int HeadCount => _heads.Count;

    /// <param name="folder">The model's folder.</param>
    /// <param name="manifest">Its manifest.</param>
    /// <param name="settings">Which files are the decoder's.</param>
    /// <param name="heads">The heads of cross-attention that follow the audio.</param>
    /// <param name="tokens">The least number of tokens that there must be scores for.</param>
    /// <param name="threads">Threads that run it on the processor.</param>
    /// <param name="cuda">How to use CUDA.</param>
    /// <exception cref="MissingRequirementException">The graphs aren't those of a Whisper decoder.</exception>
    public static WhisperDecoder Load(
        string folder, ModelManifest manifest, WhisperSettings settings, IReadOnlyList<AttentionHead> heads, int tokens, int threads,
        CudaSettings cuda)
    {
        var first = Graph.Load(folder, manifest, settings.Decoder, tokens, threads, cuda);
        Graph? next = null;
        try
        {
            if (first.IsMerged != first.Inputs.Keys.Any(name => Past().IsMatch(name)) || !first.Inputs.ContainsKey(EncoderStates))
            {
                throw Unusable(
                    manifest, $"{settings.Decoder} is neither a decoder without a cache nor a merged one: it must take '{EncoderStates}', and past keys and values exactly where it takes '{UseCacheBranch}'");
            }

            next = settings.DecoderWithPast is { } file ? Graph.Load(folder, manifest, file, tokens, threads, cuda) : first.IsMerged ? first : null;
            if (next is not null)
            {
                first.CheckCache(next);
            }

            return new WhisperDecoder(manifest, first, next, heads);
        }
        catch
        {
            next?.Session.Dispose();
            first.Session.Dispose();
            throw;
        }
    }

    /// <summary>Begins to decode encoded audio.</summary>
    /// <param name="states">What the encoder gave for each row of the batch, [frames, width] each.</param>
    /// <param name="frames">Frames of each.</param>
    public Run Begin(IReadOnlyList<float[]> states, int frames) => new(this, states, frames);

    public void Dispose()
    {
        _first.Session.Dispose();
        _next?.Session.Dispose();
    }

    private static string AttentionOf(int layer) => string.Create(CultureInfo.InvariantCulture, $"cross_attentions.{layer}");

    private static MissingRequirementException Unusable(ModelManifest manifest, string why) => ModelSession.Unusable(manifest, why);

    /// <summary>Layer, whose (the decoder's own or the encoder's), key or value.</summary>
    [GeneratedRegex(@"^past_key_values\.(\d{1,3}\.(decoder|encoder)\.(key|value))$", RegexOptions.CultureInvariant)]
    private static partial Regex Past();

    /// <summary>
    /// A batch of encoded audio being decoded. Each <see cref="Step"/> can be continued more than once: what it holds isn't
    /// changed by that. Keys and values of the encoder's states are computed once.
    /// </summary>
    internal sealed class Run : IDisposable
    {
        private readonly WhisperDecoder _decoder;
        private readonly int _batch;
        private readonly OrtValue _states;
        private readonly OrtIoBinding _firstBinding;
        private readonly OrtIoBinding? _nextBinding;
        private readonly int _frames;
        private IReadOnlyList<OrtValue> _cross = [];

        internal Run(WhisperDecoder decoder, IReadOnlyList<float[]> states, int frames)
        {
            (_decoder, _batch, _frames) = (decoder, states.Count, frames);
            var width = states[0].Length / frames;
            var all = new float[_batch * states[0].Length];
            foreach (var (i, row) in states.Index())
            {
                row.CopyTo(all, i * row.Length);
            }

            _states = TensorValues.Floats(all, decoder._first.Inputs[EncoderStates].ElementDataType, _batch, frames, width);
            _firstBinding = decoder._first.Session.Bind();
            _nextBinding = decoder._next is null ? null : decoder._next == decoder._first ? _firstBinding : decoder._next.Session.Bind();
        }

        /// <summary>The first step: the prompt.</summary>
        /// <param name="prompts">A prompt for each row, all of the same length.</param>
        public Step Start(IReadOnlyList<int[]> prompts)
        {
            var graph = _decoder._first;
            var (length, own, cross) = (prompts[0].Length, graph.Cache("decoder"), graph.Cache("encoder"));
            if (_decoder._next is null)
            {
                return Execute(graph, _firstBinding, prompts, prompts, length, [(EncoderStates, _states)], [], out _);
            }

            List<OrtValue> unused = [];
            try
            {
                List<(string, OrtValue)> inputs = [(EncoderStates, _states)];
                if (graph.IsMerged)
                {
                    unused.Add(TensorValues.Flag(false));
                    inputs.Add((UseCacheBranch, unused[^1]));
                    foreach (var name in own.Concat(cross))
                    {
                        // The branch without a cache doesn't look at it.
                        unused.Add(graph.EmptyCache("past_key_values." + name, _batch));
                        inputs.Add(("past_key_values." + name, unused[^1]));
                    }
                }

                var step = Execute(
                    graph, _firstBinding, prompts, prompts, length, inputs, [.. own, .. cross], out var cache);
                Free(_cross);
                _cross = [.. cache.Skip(own.Count)];
                step.Past = [.. cache.Take(own.Count)];
                return step;
            }
            finally
            {
                Free(unused);
            }
        }

        /// <summary>The step after another: one more token in each row.</summary>
        public Step Next(Step before, IReadOnlyList<int> tokens)
        {
            IReadOnlyList<int[]> written = [.. before.Tokens.Select((row, i) => (int[])[.. row, tokens[i]])];
            var length = written[0].Length;
            if (_decoder._next is not { } graph)
            {
                return Execute(_decoder._first, _firstBinding, written, written, length, [(EncoderStates, _states)], [], out _);
            }

            using var useCache = TensorValues.Flag(true);
            List<(string, OrtValue)> inputs =
            [
                .. graph.Cache("decoder").Zip(before.Past, (name, value) => ("past_key_values." + name, value)),
                .. graph.Cache("encoder").Zip(_cross, (name, value) => ("past_key_values." + name, value)),
            ];
            if (graph.IsMerged)
            {
                inputs.Add((UseCacheBranch, useCache));
            }
            else if (graph.Inputs.ContainsKey(EncoderStates))
            {
                inputs.Add((EncoderStates, _states));
            }

            // A merged graph gives the encoder's keys and values too, but empty in this branch.
            var step = Execute(
                graph, _nextBinding!, [.. tokens.Select(token => new[] { token })], written, length, inputs, graph.Cache("decoder"), out var cache);
            step.Past = cache;
            return step;
        }

        public void Dispose()
        {
            if (_nextBinding != _firstBinding)
            {
                _nextBinding?.Dispose();
            }

            _firstBinding.Dispose();
            Free(_cross);
            _states.Dispose();
        }

        private static void Free(IEnumerable<OrtValue> values)
        {
            foreach (var value in values)
            {
                value.Dispose();
            }
        }

        private Step Execute(
            Graph graph, OrtIoBinding binding, IReadOnlyList<int[]> ids, IReadOnlyList<int[]> written, int length,
            List<(string, OrtValue)> inputs, IReadOnlyList<string> cacheNames, out IReadOnlyList<OrtValue> cache)
        {
            var count = ids[0].Length;
            using var idValues = TensorValues.Integers(
                [.. ids.SelectMany(row => row)], graph.Inputs[InputIds].ElementDataType, _batch, count);
            using var positions = TensorValues.Integers(
                [.. Enumerable.Range(length - count, count)], TensorElementType.Int64, count);
            inputs.Add((InputIds, idValues));
            if (graph.Inputs.ContainsKey(CachePosition))
            {
                inputs.Add((CachePosition, positions));
            }

            var outputs = graph.Session.RunBound(
                binding, inputs, cacheNames.Select(name => "present." + name), [Logits, .. _decoder._attentions]);
            var kept = outputs.Take(cacheNames.Count).ToList();
            try
            {
                var step = new Step { Tokens = written };
                ReadLogits(outputs[kept.Count], count, step);
                ReadAttention([.. outputs.Skip(kept.Count + 1)], count, step);
                cache = kept;
                kept = [];
                return step;
            }
            finally
            {
                Free(kept);
                Free(outputs.Skip(cacheNames.Count));
            }
        }

        private void ReadLogits(OrtValue logits, int count, Step step)
        {
            var shape = logits.GetTensorTypeAndShape().Shape;
            if (shape.Length != 3 || shape[0] != _batch || shape[1] != count || shape[2] < _decoder._first.LeastTokens)
            {
                throw Unusable(
                    _decoder._manifest, $"its decoder's logits are [{string.Join(", ", shape)}], not [{_batch}, {count}, {_decoder._first.LeastTokens} or more]");
            }

            var width = (int)shape[2];
            for (var row = 0; row < _batch; row++)
            {
                step.FirstLogits.Add(TensorValues.Read(logits, row * count * width, width));
                step.Logits.Add(count == 1 ? step.FirstLogits[row] : TensorValues.Read(logits, ((row * count) + count - 1) * width, width));
            }
        }

        private void ReadAttention(IReadOnlyList<OrtValue> attentions, int count, Step step)
        {
            if (attentions.Count == 0)
            {
                return;
            }

            var layers = _decoder._attentions.Zip(attentions).ToDictionary(layer => layer.First, layer => layer.Second);
            for (var row = 0; row < _batch; row++)
            {
                var weights = new float[_decoder._heads.Count * _frames];
                for (var i = 0; i < _decoder._heads.Count; i++)
                {
                    var (layer, head) = _decoder._heads[i];
                    var value = layers[AttentionOf(layer)];
                    var shape = value.GetTensorTypeAndShape().Shape;
                    if (shape.Length != 4 || shape[0] != _batch || shape[1] <= head || shape[2] != count || shape[3] != _frames)
                    {
                        throw Unusable(
                            _decoder._manifest, $"its decoder's {AttentionOf(layer)} is [{string.Join(", ", shape)}], not [{_batch}, more than {head}, {count}, {_frames}]");
                    }

                    var at = checked((int)((((((row * shape[1]) + head) * count) + count - 1)) * _frames));
                    TensorValues.Read(value, at, _frames).CopyTo(weights.AsSpan(i * _frames));
                }

                step.Attention.Add(weights);
            }
        }
    }

    /// <summary>What the decoder gave for the tokens so far.</summary>
    internal sealed class Step : IDisposable
    {
        /// <summary>Every row's tokens, with the prompt.</summary>
        public required IReadOnlyList<int[]> Tokens { get; init; }

        /// <summary>For each row the scores of the token that follows the first of those that this step was given.</summary>
        public List<float[]> FirstLogits { get; } = [];

        /// <summary>For each row the scores of the token that follows.</summary>
        public List<float[]> Logits { get; } = [];

        /// <summary>For each row the weights of the <see cref="HeadCount"/> heads at the last token, [heads, frames]; empty without.</summary>
        public List<float[]> Attention { get; } = [];

        internal IReadOnlyList<OrtValue> Past { get; set; } = [];

        public void Dispose()
        {
            foreach (var value in Past)
            {
                value.Dispose();
            }
        }
    }

    /// <summary>One graph, checked.</summary>
    private sealed class Graph
    {
        private const int MaxLayers = 256;

        private readonly Dictionary<string, List<string>> _cache = new() { ["decoder"] = [], ["encoder"] = [] };
        private readonly ModelManifest _manifest;
        private readonly string _file;

        private Graph(ModelManifest manifest, string file, int leastTokens, InferenceSession session)
        {
            (_manifest, _file, LeastTokens) = (manifest, file, leastTokens);
            (Inputs, Outputs) = (session.InputMetadata, session.OutputMetadata);
            Check(InputIds, Inputs, 2, TensorElementType.Int64, TensorElementType.Int32);
            Check(Logits, Outputs, 3, TensorElementType.Float, TensorElementType.Float16);
            if (Outputs[Logits].Dimensions[2] is >= 0 and var width && width < leastTokens)
            {
                throw Unusable(manifest, $"{file} has scores for {width} tokens, its tokenizer {leastTokens}");
            }

            foreach (var name in Inputs.Keys)
            {
                switch (name)
                {
                    case InputIds:
                        break;
                    case EncoderStates:
                        Check(name, Inputs, 3, TensorElementType.Float, TensorElementType.Float16);
                        break;
                    case UseCacheBranch:
                        Check(name, Inputs, 1, TensorElementType.Bool);
                        break;
                    case CachePosition:
                        Check(name, Inputs, 1, TensorElementType.Int64);
                        break;
                    case var _ when Past().Match(name) is { Success: true } match:
                        Check(name, Inputs, 4, TensorElementType.Float, TensorElementType.Float16);
                        _cache[match.Groups[2].Value].Add(match.Groups[1].Value);
                        break;
                    default:
                        throw Unusable(manifest, $"{file} takes '{name}', which isn't known");
                }
            }

            if (_cache["decoder"].Count > 2 * MaxLayers)
            {
                throw Unusable(manifest, $"{file} has more than {MaxLayers} layers");
            }

            foreach (var name in Outputs.Keys.Where(name => name.StartsWith("cross_attentions.", StringComparison.Ordinal)))
            {
                Check(name, Outputs, 4, TensorElementType.Float, TensorElementType.Float16);
            }
        }

        public ModelSession Session { get; private set; } = null!;

        public IReadOnlyDictionary<string, NodeMetadata> Inputs { get; }

        public IReadOnlyDictionary<string, NodeMetadata> Outputs { get; }

        public int LeastTokens { get; }

        public bool IsMerged => Inputs.ContainsKey(UseCacheBranch);

        public static Graph Load(string folder, ModelManifest manifest, string file, int tokens, int threads, CudaSettings cuda)
        {
            Graph? graph = null;
            var session = ModelSession.Load(
                folder, manifest, file, threads, cuda, session => graph = new Graph(manifest, file, tokens, session));
            graph!.Session = session;
            return graph;
        }

        /// <summary>The tensors of the cache, as <c>0.decoder.key</c>.</summary>
        /// <param name="whose"><c>decoder</c> or <c>encoder</c>.</param>
        public IReadOnlyList<string> Cache(string whose) => _cache[whose];

        /// <summary>Takes over the cache of the graph that follows, and checks that this one gives it.</summary>
        public void CheckCache(Graph next)
        {
            if (next.Cache("decoder").Count == 0 || next.Cache("encoder").Count != next.Cache("decoder").Count)
            {
                throw Unusable(_manifest, $"{next._file} doesn't take past keys and values of the decoder and of the encoder");
            }

            foreach (var name in next.Cache("decoder").Concat(next.Cache("encoder")))
            {
                var own = name.Contains(".decoder.", StringComparison.Ordinal);
                foreach (var graph in own ? [this, next] : (Graph[])[this])
                {
                    if (!graph.Outputs.TryGetValue("present." + name, out var present)
                        || present.ElementDataType != next.Inputs["past_key_values." + name].ElementDataType)
                    {
                        throw Unusable(
                            _manifest, $"{graph._file} doesn't give 'present.{name}' in the type in which {next._file} takes it");
                    }
                }
            }

            if (next.IsMerged != (next == this))
            {
                throw Unusable(_manifest, $"{next._file} is merged, and {_file} is beside it");
            }

            foreach (var whose in (string[])["decoder", "encoder"])
            {
                _cache[whose] = next._cache[whose];
            }
        }

        /// <summary>Zeros in the shape of a cache that holds one position, or as many as the graph wants.</summary>
        public OrtValue EmptyCache(string name, int batch)
        {
            const int MaxWidth = 1 << 13;
            const int MaxLength = 1500;
            var shape = Inputs[name].Dimensions;
            if (shape[1] is < 1 or > MaxWidth || shape[3] is < 1 or > MaxWidth || shape[1] * shape[3] > MaxWidth || shape[2] > MaxLength)
            {
                throw Unusable(_manifest, $"{_file}'s '{name}' has heads or widths that are open or out of range");
            }

            var length = Math.Max(shape[2], 1);
            return TensorValues.Floats(
                new float[batch * shape[1] * length * shape[3]], Inputs[name].ElementDataType, batch, shape[1], length, shape[3]);
        }

        private void Check(
            string name, IReadOnlyDictionary<string, NodeMetadata> tensors, int rank, params TensorElementType[] types)
        {
            if (!tensors.TryGetValue(name, out var tensor))
            {
                throw Unusable(_manifest, $"{_file} has no '{name}', but {string.Join(", ", tensors.Keys)}");
            }

            if (!tensor.IsTensor || !types.Contains(tensor.ElementDataType) || tensor.Dimensions.Length != rank)
            {
                throw Unusable(_manifest, $"{_file}'s '{name}' isn't a tensor of {string.Join(" or ", types)} with {rank} dimensions");
            }
        }
    }
}
