using System.Globalization;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using Omoai.Shared;
using Omoai.Transcripts.Activities;
using Omoai.Transcripts.Models;

namespace Omoai.Language.Engines.Onnx;

/// <summary>
/// The graph of a causal language model with past keys and values, as Hugging Face's Optimum and onnxruntime-genai export it. It takes
/// <c>input_ids</c> [batch, tokens], where it wants them <c>attention_mask</c> [batch, past + tokens], <c>position_ids</c> [batch, tokens]
/// <c>use_cache_branch</c> [1] and <c>num_logits_to_keep</c> [], and either <c>past_key_values.N.key</c> and <c>.value</c> [batch, heads,
/// past, width] or both as <c>past_N</c> [2, batch, heads, past, width]. It gives <c>logits</c> [batch, tokens or 1, vocabulary] or
/// [batch, vocabulary], and <c>present.N.key</c> and <c>.value</c> or <c>present_N</c>. The past stays on the device.
/// </summary>
internal sealed class CausalDecoder : IDisposable
{
    private const string InputIds = "input_ids";
    private const string AttentionMask = "attention_mask";
    private const string PositionIds = "position_ids";
    private const string UseCacheBranch = "use_cache_branch";
    private const string LogitsToKeep = "num_logits_to_keep";
    private const string Logits = "logits";

    // Attention that is told how many tokens a row has, and not which of them pad.
    private const string CountingAttention = "GroupQueryAttention";

    private const int MaxLayers = 256;
    private const int MaxHeadNumbers = 1 << 16;

    // Tokens of a prompt that are run at once, where there are logits of the last one only.
    private const int LargestPiece = 2048;

    // Merged graphs may have so many times the logits of others: they take a prompt at once, or not at all.
    private const int MergedShare = 8;

    // What a vocabulary is taken for that isn't known before the first run.
    private const int OpenVocabulary = 1 << 18;

    private static readonly TensorElementType[] Integer = [TensorElementType.Int64, TensorElementType.Int32];
    private static readonly TensorElementType[] Scores = [TensorElementType.Float, TensorElementType.Float16];
    private static readonly TensorElementType[] Cached = [TensorElementType.Float, TensorElementType.Float16, TensorElementType.BFloat16];

    private readonly ModelManifest _manifest;
    private readonly string _file;
    private readonly IReadOnlyDictionary<string, NodeMetadata> _inputs;
    private readonly IReadOnlyDictionary<string, NodeMetadata> _outputs;
    private readonly string[] _past;
    private readonly string[] _present;
    private readonly bool _lastOnly;
    private readonly int _logitsBytes;
    private ModelSession _session = null!;

    private CausalDecoder(ModelManifest manifest, string file, GraphContents contents, int logitsBytes, InferenceSession session)
    {
        (_manifest, _file, _logitsBytes) = (manifest, file, logitsBytes);
        (_inputs, _outputs) = (session.InputMetadata, session.OutputMetadata);
        var ids = Check(InputIds, _inputs, 2, Integer);
        Require(ids[1] < 0, $"its '{InputIds}' must be open in its number of tokens");
        Require(ids[0] is < 0 or 1, $"its '{InputIds}' must be open in its batch, or of one");
        IsSingle = ids[0] == 1 || !_inputs.ContainsKey(AttentionMask) || !_inputs.ContainsKey(PositionIds)
            || contents.Operators.Contains(CountingAttention);

        foreach (var name in new[] { AttentionMask, PositionIds }.Where(_inputs.ContainsKey))
        {
            Require(Check(name, _inputs, 2, Integer)[1] < 0, $"its '{name}' must be open in its number of tokens");
        }

        if (_inputs.ContainsKey(UseCacheBranch))
        {
            Check(UseCacheBranch, _inputs, 1, TensorElementType.Bool);
        }

        if (_inputs.ContainsKey(LogitsToKeep))
        {
            Check(LogitsToKeep, _inputs, 0, Integer);
        }

        var names = PastAndPresent().ToList();
        (_past, _present) = ([.. names.Select(name => name.Past)], [.. names.Select(name => name.Present)]);
        Require(_past.Length > 0, "it takes no past keys and values ('past_key_values.0.key' and '.value', or 'past_0')");
        Require(_past.Length <= 2 * MaxLayers, $"it has more than {MaxLayers} layers");
        var unknown = _inputs.Keys.Except([InputIds, AttentionMask, PositionIds, UseCacheBranch, LogitsToKeep, .. _past]).FirstOrDefault();
        Require(unknown is null, $"it takes '{unknown}', which isn't known");
        foreach (var (past, present) in names)
        {
            CheckPast(past, present);
        }

        Require(
            _outputs.Keys.Count(name => name.StartsWith("present", StringComparison.Ordinal)) == _present.Length,
            "it gives present keys and values that it doesn't take as past ones");
        var logits = Check(Logits, _outputs, _outputs.TryGetValue(Logits, out var scores) && scores.Dimensions.Length == 2 ? 2 : 3, Scores);
        Vocabulary = logits[^1] >= 0 ? logits[^1] : null;
        _lastOnly = logits.Length == 2 || logits[1] == 1 || _inputs.ContainsKey(LogitsToKeep);
        MostTokens = _inputs.ContainsKey(UseCacheBranch) && !_lastOnly
            ? (int)Math.Clamp(MergedShare * (long)logitsBytes / BytesPerToken, 2, int.MaxValue)
            : int.MaxValue;
    }

    /// <summary>What runs the graph, and why.</summary>
    public ExecutionProvider Provider => _session.Provider;

    /// <summary>Tokens that it has scores for; null as long as that isn't known.</summary>
    public int? Vocabulary { get; private set; }

    /// <summary>
    /// It takes one prompt at a time: it says so, or it can't be told which tokens pad. Without positions it may count them from the past,
    /// and then those of a padded prompt would be wrong; and GroupQueryAttention, of onnxruntime-genai's exports, takes the first tokens of
    /// a row for those that aren't padding.
    /// </summary>
    public bool IsSingle { get; }

    /// <summary>
    /// Tokens of prompts, padding among them, that it can be given at once, at least 2. A merged graph must take prompts whole and gives
    /// logits for every token: 30,000 of them with a vocabulary of 150,000 would have 18 GB. Others have no limit.
    /// </summary>
    public int MostTokens { get; }

    // Of logits. Those of float16 may be float until the end.
    private long BytesPerToken => (long)sizeof(float) * (Vocabulary ?? OpenVocabulary);

    /// <param name="folder">The model's folder.</param>
    /// <param name="manifest">Its manifest.</param>
    /// <param name="file">The graph's file.</param>
    /// <param name="threads">Threads that run it on the processor.</param>
    /// <param name="cuda">How to use CUDA; null for the processor.</param>
    /// <param name="logitsBytes">What the logits of one run should have at most; eight times as much in a merged graph.</param>
    /// <exception cref="MissingRequirementException">The graph isn't one of a causal language model with past keys and values.</exception>
    public static CausalDecoder Load(
        string folder, ModelManifest manifest, string file, int threads, CudaSettings? cuda, int logitsBytes)
    {
        var contents = ReadContents(folder, manifest, file);
        CausalDecoder? decoder = null;
        var session = ModelSession.Load(
            folder, manifest, file, threads, cuda, session => decoder = new CausalDecoder(manifest, file, contents, logitsBytes, session));
        decoder!._session = session;
        return decoder;
    }

    /// <summary>Begins to answer prompts.</summary>
    /// <param name="prompts">
    /// At least one, none of them empty; no more where it <see cref="IsSingle"/>, and within <see cref="MostTokens"/>.
    /// </param>
    public Batch Begin(IReadOnlyList<int[]> prompts) => new(this, prompts);

    public void Dispose() => _session.Dispose();

    /// <summary>What is in the graph. Files that weren't checked aren't read.</summary>
    private static GraphContents ReadContents(string folder, ModelManifest manifest, string file)
    {
        using var graph = File.OpenRead(ModelSession.PathOf(folder, manifest, file));
        try
        {
            var contents = GraphContents.Read(graph);
            return contents.Locations.FirstOrDefault(name => !manifest.Files.ContainsKey(name)) is { } other
                ? throw ModelSession.Unusable(manifest, $"{file} takes data from '{other}', which is not among its files")
                : contents;
        }
        catch (InvalidDataException e)
        {
            throw ModelSession.Unusable(manifest, $"{file} can't be loaded ({e.Message})", e);
        }
    }

    private int[] Check(string name, IReadOnlyDictionary<string, NodeMetadata> tensors, int rank, params TensorElementType[] types)
    {
        Require(tensors.TryGetValue(name, out var tensor), $"it has no '{name}', but {string.Join(", ", tensors.Keys)}");
        Require(
            tensor!.IsTensor && types.Contains(tensor.ElementDataType) && tensor.Dimensions.Length == rank,
            $"its '{name}' isn't a tensor of {string.Join(" or ", types)} with {rank} dimensions");
        return tensor.Dimensions;
    }

    /// <summary>The inputs that hold keys and values of the layers, from the first on, and the outputs that become them at the next step.</summary>
    private IEnumerable<(string Past, string Present)> PastAndPresent()
    {
        for (var layer = 0; _inputs.ContainsKey(Name($"past_{layer}")); layer++)
        {
            yield return (Name($"past_{layer}"), Name($"present_{layer}"));
        }

        for (var layer = 0; _inputs.ContainsKey(Name($"past_key_values.{layer}.key")); layer++)
        {
            yield return (Name($"past_key_values.{layer}.key"), Name($"present.{layer}.key"));
            yield return (Name($"past_key_values.{layer}.value"), Name($"present.{layer}.value"));
        }

        static string Name(FormattableString name) => name.ToString(CultureInfo.InvariantCulture);
    }

    private void CheckPast(string past, string present)
    {
        var rank = past.Contains('.') ? 4 : 5;
        var shape = Check(past, _inputs, rank, Cached);
        Require(rank == 4 || shape[0] == 2, $"its '{past}' must hold keys and values, 2");
        Require(
            shape[^3] > 0 && shape[^1] > 0 && (long)shape[^3] * shape[^1] <= MaxHeadNumbers && shape[^2] < 0,
            $"its '{past}' must be open in its length and in nothing else but its batch");
        Check(present, _outputs, rank, _inputs[past].ElementDataType);
    }

    private void Require(bool fine, string otherwise)
    {
        if (!fine)
        {
            throw Unusable(otherwise);
        }
    }

    private MissingRequirementException Unusable(string why) =>
        ModelSession.Unusable(_manifest, $"{_file} is no graph that this version runs: {why}");

    /// <summary>Prompts that are being answered together, shorter ones padded on the left.</summary>
    internal sealed class Batch : IDisposable
    {
        private readonly CausalDecoder _decoder;
        private readonly IReadOnlyList<int[]> _prompts;
        private readonly int[] _pads;
        private readonly OrtIoBinding _binding;
        private readonly List<(string Name, OrtValue Value)> _fed = [];
        private readonly OrtValue[] _past;
        private int[] _integers = [];
        private float[] _floats = [];
        private OrtValue? _logits;
        private int _stride;
        private int _length;

        internal Batch(CausalDecoder decoder, IReadOnlyList<int[]> prompts)
        {
            (_decoder, _prompts) = (decoder, prompts);
            var longest = prompts.Max(prompt => prompt.Length);
            _pads = [.. prompts.Select(prompt => longest - prompt.Length)];
            _binding = decoder._session.Bind();
            _past = [.. decoder._past.Select(Empty)];
        }

        /// <summary>Whether a row is shorter than others.</summary>
        public bool IsPadded(int row) => _pads[row] > 0;

        /// <summary>Runs the prompts.</summary>
        public void Start(CancellationToken cancellation)
        {
            var longest = _prompts[0].Length + _pads[0];
            var piece = PieceLength(longest);
            while (_length < longest)
            {
                cancellation.ThrowIfCancellationRequested();
                var (from, count) = (_length, Math.Min(piece, longest - _length));
                var ids = Integers(_prompts.Count * count);
                for (var row = 0; row < _prompts.Count; row++)
                {
                    for (var i = 0; i < count; i++)
                    {
                        // Any token pads.
                        ids[(row * count) + i] = from + i < _pads[row] ? 0 : _prompts[row][from + i - _pads[row]];
                    }
                }

                Execute(ids, count, last: from + count == longest);
            }
        }

        /// <summary>Runs one more token in each row.</summary>
        public void Next(ReadOnlySpan<int> tokens)
        {
            var ids = Integers(tokens.Length);
            tokens.CopyTo(ids);
            Execute(ids, 1, last: true);
        }

        /// <summary>The scores of the token that follows in a row, until the next run.</summary>
        public ReadOnlySpan<float> Logits(int row)
        {
            var vocabulary = _decoder.Vocabulary!.Value;
            var first = checked((((row + 1) * _stride) - 1) * vocabulary);
            if (_decoder._outputs[CausalDecoder.Logits].ElementDataType == TensorElementType.Float)
            {
                return _logits!.GetTensorDataAsSpan<float>().Slice(first, vocabulary);
            }

            if (_floats.Length < vocabulary)
            {
                _floats = new float[vocabulary];
            }

            var halves = MemoryMarshal.Cast<byte, Half>(_logits!.GetTensorDataAsSpan<byte>()).Slice(first, vocabulary);
            TensorPrimitives.ConvertToSingle(halves, _floats);
            return _floats.AsSpan(0, vocabulary);
        }

        public void Dispose()
        {
            _binding.Dispose();
            _logits?.Dispose();
            foreach (var value in _past)
            {
                value.Dispose();
            }
        }

        /// <summary>
        /// Tokens of each prompt that are run at once. There are logits for every one of them: at once, 8,192 tokens of a vocabulary of
        /// 150,000 would have 4.9 GB of them.
        /// </summary>
        private int PieceLength(int longest)
        {
            if (_decoder._inputs.ContainsKey(UseCacheBranch))
            {
                // Exporters traced the branch with a cache of merged graphs with one token; several may not be kept in order by it.
                return longest;
            }

            if (_decoder._lastOnly)
            {
                return LargestPiece;
            }

            return (int)Math.Clamp(_decoder._logitsBytes / (_decoder.BytesPerToken * _prompts.Count), 1, LargestPiece);
        }

        private OrtValue Empty(string past)
        {
            var shape = Array.ConvertAll(_decoder._inputs[past].Dimensions, dimension => (long)dimension);
            (shape[^4], shape[^2]) = (_prompts.Count, 0);
            return OrtValue.CreateAllocatedTensorValue(OrtAllocator.DefaultInstance, _decoder._inputs[past].ElementDataType, shape);
        }

        private void Execute(ReadOnlySpan<int> ids, int count, bool last)
        {
            var total = _length + count;
            _fed.Clear();
            try
            {
                Feed(InputIds, ids, count);
                if (_decoder._inputs.ContainsKey(PositionIds))
                {
                    FeedPositions(count);
                }

                if (_decoder._inputs.ContainsKey(AttentionMask))
                {
                    FeedMask(total);
                }

                if (_decoder._inputs.ContainsKey(UseCacheBranch))
                {
                    _fed.Add((UseCacheBranch, OrtValue.CreateTensorValueFromMemory(new[] { _length > 0 }, [1])));
                }

                if (_decoder._inputs.TryGetValue(LogitsToKeep, out var keep))
                {
                    // Those of the last token.
                    _fed.Add((LogitsToKeep, keep.ElementDataType == TensorElementType.Int32
                        ? OrtValue.CreateTensorValueFromMemory(new[] { 1 }, [])
                        : OrtValue.CreateTensorValueFromMemory(new[] { 1L }, [])));
                }

                for (var i = 0; i < _past.Length; i++)
                {
                    _fed.Add((_decoder._past[i], _past[i]));
                }

                _logits?.Dispose();
                _logits = null;
                // Logits of a piece that others follow aren't wanted.
                var outputs = _decoder._session.RunBound(_binding, _fed, _decoder._present, last ? [CausalDecoder.Logits] : []);
                for (var i = 0; i < _past.Length; i++)
                {
                    _past[i].Dispose();
                    _past[i] = outputs[i];
                }

                _length = total;
                if (last)
                {
                    _logits = outputs[_past.Length];
                    CheckLogits(count);
                }
            }
            finally
            {
                foreach (var (name, value) in _fed)
                {
                    if (!name.StartsWith("past", StringComparison.Ordinal))
                    {
                        value.Dispose();
                    }
                }
            }
        }

        private void FeedPositions(int count)
        {
            var positions = Integers(_prompts.Count * count);
            for (var row = 0; row < _prompts.Count; row++)
            {
                for (var i = 0; i < count; i++)
                {
                    positions[(row * count) + i] = Math.Max(0, _length + i - _pads[row]);
                }
            }

            Feed(PositionIds, positions, count);
        }

        private void FeedMask(int total)
        {
            var mask = Integers(_prompts.Count * total);
            mask.Fill(1);
            for (var row = 0; row < _prompts.Count; row++)
            {
                mask.Slice(row * total, Math.Min(_pads[row], total)).Clear();
            }

            Feed(AttentionMask, mask, total);
        }

        private void Feed(string name, ReadOnlySpan<int> values, int columns)
        {
            var type = _decoder._inputs[name].ElementDataType;
            var value = OrtValue.CreateAllocatedTensorValue(OrtAllocator.DefaultInstance, type, [_prompts.Count, columns]);
            _fed.Add((name, value));
            if (type == TensorElementType.Int32)
            {
                values.CopyTo(value.GetTensorMutableDataAsSpan<int>());
            }
            else
            {
                TensorPrimitives.ConvertTruncating(values, value.GetTensorMutableDataAsSpan<long>());
            }
        }

        private Span<int> Integers(int count)
        {
            if (_integers.Length < count)
            {
                _integers = new int[Math.Max(count, 2 * _integers.Length)];
            }

            return _integers.AsSpan(0, count);
        }

        private void CheckLogits(int count)
        {
            var shape = _logits!.GetTensorTypeAndShape().Shape;
            _stride = shape.Length == 2 ? 1 : (int)shape[1];
            if (shape[0] != _prompts.Count || (_stride != 1 && (_stride != count || _decoder._lastOnly)) || shape[^1] < 1
                || shape[^1] != (_decoder.Vocabulary ??= (int)Math.Min(shape[^1], int.MaxValue)))
            {
                var tokens = _decoder._lastOnly ? 1 : count;
                throw _decoder.Unusable(
                    $"its logits are [{string.Join(", ", shape)}], not [{_prompts.Count}, {tokens}, {_decoder.Vocabulary}]");
            }
        }
    }
}
