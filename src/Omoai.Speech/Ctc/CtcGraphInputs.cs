using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using Omoai.Shared;
using Omoai.Transcripts.Activities;
using Omoai.Transcripts.Models;

namespace Omoai.Speech.Ctc;

/// <summary>A cache of the graph, with its first shape.</summary>
internal sealed record GraphCache(string Input, string Output, TensorElementType Element, long[] Shape);

/// <summary>Values that are disposed of together, with the inputs they are for.</summary>
internal sealed class Feeds : IDisposable
{
    private readonly List<OrtValue> _owned = [];

    public List<string> Names { get; } = [];

    public List<OrtValue> Values { get; } = [];

    public void Add(string name, OrtValue value)
    {
        _owned.Add(value);
        Lend(name, value);
    }

    /// <summary>Adds a value that somebody else disposes of.</summary>
    public void Lend(string name, OrtValue value)
    {
        Names.Add(name);
        Values.Add(value);
    }

    public void Dispose() => _owned.ForEach(value => value.Dispose());
}

/// <summary>What the inputs of a CTC model's graph are given. Every one of them is: the settings and the graph are checked for it.</summary>
internal sealed class CtcGraphInputs
{
    private const int MostCaches = 4096;
    private const long MostCacheElements = 1 << 26;

    private readonly ModelManifest _manifest;
    private readonly CtcSettings _settings;
    private readonly int _width;
    private readonly IReadOnlyDictionary<string, NodeMetadata> _inputs;

    /// <param name="manifest">The model's manifest.</param>
    /// <param name="settings">Its settings for CTC.</param>
    /// <param name="graph">The graph.</param>
    /// <param name="width">Values in a feature frame.</param>
    /// <param name="tokens">Tokens, blank included.</param>
    /// <exception cref="MissingRequirementException">The graph isn't what its settings say.</exception>
    public CtcGraphInputs(ModelManifest manifest, CtcSettings settings, InferenceSession graph, int width, int tokens)
    {
        (_manifest, _settings, _width, _inputs) = (manifest, settings, width, graph.InputMetadata);
        var isWaveform = settings.Layout == "bt";
        CheckTensor(manifest, graph.InputMetadata, settings.Input, isWaveform ? 2 : 3);
        CheckTensor(manifest, graph.OutputMetadata, settings.Output, 3);
        if (isWaveform && width != 1)
        {
            throw Unusable($"its layout 'bt' is for features of type 'waveform', and these have {width} values a frame");
        }

        if (!isWaveform)
        {
            CheckDimension(manifest, graph.InputMetadata, settings.Input, settings.Layout == "bft" ? 1 : 2, width);
        }

        if (settings.Head is null)
        {
            CheckDimension(manifest, graph.OutputMetadata, settings.Output, 2, tokens);
        }

        // Of a waveform and of bins by frames the last axis is time, of frames by bins the one before.
        var time = graph.InputMetadata[settings.Input].Dimensions[settings.Layout == "btf" ? 1 : ^1];
        var run = settings.Chunk is { Pad: not null } chunk ? chunk.Left + chunk.Frames + chunk.Right : -1;
        if (time >= 0 && time != run)
        {
            throw Unusable(
                $"its graph takes {time} frames, no more and no fewer: its chunk's left, frames and right must make {time}, and pad be given, or its layout isn't '{settings.Layout}'");
        }

        if (settings.LengthOutput is { } length && !graph.OutputMetadata.ContainsKey(length))
        {
            throw Lacks(manifest, length, graph.OutputMetadata);
        }

        Caches = FindCaches(graph);
        CheckOthers(graph);
    }

    /// <summary>The caches, in the order of their outputs.</summary>
    public IReadOnlyList<GraphCache> Caches { get; }

    /// <summary>Whether the graph takes more than one stretch at once.</summary>
    public bool TakesBatches => _inputs[_settings.Input].Dimensions[0] < 0
        && (_settings.LengthInput is null || _inputs[_settings.LengthInput].Dimensions is [< 0, ..])
        && (_settings.Constants ?? new Dictionary<string, long>()).Keys.All(name => _inputs[name].Dimensions is [] or [< 0, ..]);

    /// <summary>Checks what can be checked without the graph.</summary>
    /// <exception cref="MissingRequirementException">The settings can't be.</exception>
    public static void CheckSettings(ModelManifest manifest, CtcSettings settings)
    {
        Require(settings.Layout is "btf" or "bft" or "bt", $"its layout is '{settings.Layout}', not btf, bft or bt");
        Require(settings.Subsampling is >= 1 and <= 1024, $"its subsampling is {settings.Subsampling}, not 1 to 1024");
        Require(settings.MinFrames is >= 1 and <= 100_000, $"its minFrames is {settings.MinFrames}, not 1 to 100000");
        Require(settings.DropFrames is >= 0 and <= 100, $"its dropFrames is {settings.DropFrames}, not 0 to 100");
        Require(
            settings.LanguageInput is null || settings.Constants?.ContainsKey(settings.LanguageInput) == true,
            $"its languageInput '{settings.LanguageInput}' is not among its constants");
        if (settings.Chunk is not { } chunk)
        {
            return;
        }

        Require(
            chunk.Frames is >= 1 and <= 100_000 && chunk.Frames % settings.Subsampling == 0,
            $"its chunk has {chunk.Frames} frames, which is not a multiple of the subsampling up to 100000");
        Require(
            chunk.Left is >= 0 and <= 100_000 && chunk.Left % settings.Subsampling == 0,
            $"its chunk's left is {chunk.Left}, which is not a multiple of the subsampling up to 100000");
        Require(chunk.Right is >= 0 and <= 100_000, $"its chunk's right is {chunk.Right}, not 0 to 100000");
        Require(chunk.Pad is null || double.IsFinite(chunk.Pad.Value), "its chunk's pad isn't a number");
        Require(chunk.OffsetStart is >= 0 and <= 1_000_000, $"its chunk's offsetStart is {chunk.OffsetStart}, not 0 to 1000000");
        Require(chunk.Mask is null or { CacheFrames: >= 0 and <= 100_000 }, "its chunk's mask has not 0 to 100000 cacheFrames");
        Require(chunk.Caches.All(cache => cache is { Input: not null, Output: not null }), "a cache of its chunk has no input or no output");

        void Require(bool condition, string otherwise)
        {
            if (!condition)
            {
                throw ModelSession.Unusable(manifest, otherwise);
            }
        }
    }

    /// <summary>Checks the graph that makes scores of what another gives.</summary>
    /// <exception cref="MissingRequirementException">It isn't what its settings say.</exception>
    public static void CheckHead(ModelManifest manifest, CtcHeadSettings head, InferenceSession graph, int tokens)
    {
        CheckTensor(manifest, graph.InputMetadata, head.Input, 3);
        CheckTensor(manifest, graph.OutputMetadata, head.Output, 3);
        CheckDimension(manifest, graph.OutputMetadata, head.Output, 2, tokens);
        if (graph.InputMetadata.Keys.FirstOrDefault(name => name != head.Input) is { } other)
        {
            throw ModelSession.Unusable(manifest, $"its head's graph also takes '{other}'");
        }
    }

    /// <summary>The features, their lengths and the constants.</summary>
    /// <param name="features">Of each, [frames, width].</param>
    /// <param name="frames">Frames that each is filled up to, at least as many as the longest has.</param>
    /// <param name="fill">What they are filled up with.</param>
    /// <param name="language">The value of the language input; null for that among the constants.</param>
    public Feeds Feed(IReadOnlyList<float[]> features, int frames, float fill, long? language)
    {
        var feeds = new Feeds();
        try
        {
            feeds.Add(_settings.Input, Floats(features, frames, fill));
            if (_settings.LengthInput is { } length)
            {
                feeds.Add(length, Integers(length, [.. features.Select(item => (long)(item.Length / _width))]));
            }

            foreach (var (name, value) in _settings.Constants ?? new Dictionary<string, long>())
            {
                var number = name == _settings.LanguageInput ? language ?? value : value;
                feeds.Add(name, Integers(name, [.. features.Select(_ => number)]));
            }

            return feeds;
        }
        catch
        {
            feeds.Dispose();
            throw;
        }
    }

    /// <summary>Adds what only chunks have.</summary>
    /// <param name="feeds">The feeds of the chunk.</param>
    /// <param name="chunk">The settings.</param>
    /// <param name="before">Output frames before the chunk.</param>
    /// <param name="caches">The caches' values.</param>
    public void FeedChunk(Feeds feeds, ChunkSettings chunk, int before, IReadOnlyList<OrtValue> caches)
    {
        if (chunk.OffsetInput is { } offset)
        {
            feeds.Add(offset, Integers(offset, [chunk.OffsetStart + before]));
        }

        if (chunk.Mask is { } settings)
        {
            // The cache is full from the right: at first none of its frames are real.
            var mask = new bool[settings.CacheFrames + (chunk.Frames / _settings.Subsampling)];
            mask.AsSpan(Math.Max(settings.CacheFrames - before, 0)).Fill(true);
            feeds.Add(settings.Input, OrtValue.CreateTensorValueFromMemory(mask, [1, 1, mask.Length]));
        }

        for (var i = 0; i < Caches.Count; i++)
        {
            feeds.Lend(Caches[i].Input, caches[i]);
        }
    }

    /// <summary>The caches of the first chunk, in the order of <see cref="Caches"/>.</summary>
    public Feeds FirstCaches()
    {
        var feeds = new Feeds();
        foreach (var cache in Caches)
        {
            var value = OrtValue.CreateAllocatedTensorValue(OrtAllocator.DefaultInstance, cache.Element, cache.Shape);
            value.GetTensorMutableDataAsSpan<byte>().Clear();
            feeds.Add(cache.Input, value);
        }

        return feeds;
    }

    private OrtValue Floats(IReadOnlyList<float[]> features, int frames, float fill)
    {
        var transposes = _settings.Layout == "bft";
        long[] shape = _settings.Layout switch
        {
            "bt" => [features.Count, frames],
            "bft" => [features.Count, _width, frames],
            _ => [features.Count, frames, _width],
        };
        var values = features[0];
        if (features.Count > 1 || transposes || values.Length < frames * _width)
        {
            values = new float[features.Count * frames * _width];
            values.AsSpan().Fill(fill);
            for (var i = 0; i < features.Count; i++)
            {
                var item = values.AsSpan(i * frames * _width, frames * _width);
                if (transposes)
                {
                    Transpose(features[i], item, frames);
                }
                else
                {
                    features[i].CopyTo(item);
                }
            }
        }

        if (_inputs[_settings.Input].ElementDataType == TensorElementType.Float)
        {
            return OrtValue.CreateTensorValueFromMemory(values, shape);
        }

        var halves = new Float16[values.Length];
        TensorPrimitives.ConvertToHalf(values, MemoryMarshal.Cast<Float16, Half>(halves.AsSpan()));
        return OrtValue.CreateTensorValueFromMemory(halves, shape);
    }

    private void Transpose(float[] rows, Span<float> columns, int frames)
    {
        for (var frame = 0; frame < rows.Length / _width; frame++)
        {
            for (var bin = 0; bin < _width; bin++)
            {
                columns[(bin * frames) + frame] = rows[(frame * _width) + bin];
            }
        }
    }

    /// <summary>A value for each of the batch; or, for an input without dimensions, one for all.</summary>
    private OrtValue Integers(string name, long[] values)
    {
        var input = _inputs[name];
        var shape = new long[input.Dimensions.Length];
        Array.Fill(shape, 1);
        if (shape.Length > 0)
        {
            shape[0] = values.Length;
        }

        values = shape.Length > 0 ? values : values[..1];
        return input.ElementDataType == TensorElementType.Int64
            ? OrtValue.CreateTensorValueFromMemory(values, shape)
            : OrtValue.CreateTensorValueFromMemory(Array.ConvertAll(values, value => (int)value), shape);
    }

    private List<GraphCache> FindCaches(InferenceSession graph)
    {
        var caches = new List<GraphCache>();
        foreach (var settings in _settings.Chunk?.Caches ?? [])
        {
            var star = settings.Input.IndexOf('*', StringComparison.Ordinal);
            var found = graph.InputNames.Where(name => caches.All(cache => cache.Input != name)).Select(name =>
            {
                var (before, after) = star < 0 ? (settings.Input, "") : (settings.Input[..star], settings.Input[(star + 1)..]);
                var fits = star < 0 ? name == settings.Input
                    : name.Length >= before.Length + after.Length && name.StartsWith(before, StringComparison.Ordinal)
                        && name.EndsWith(after, StringComparison.Ordinal);
                var middle = fits && star >= 0 ? name[before.Length..(name.Length - after.Length)] : "";
                return (Name: name, Fits: fits, Output: settings.Output.Replace("*", middle, StringComparison.Ordinal));
            }).Where(cache => cache.Fits && graph.OutputMetadata.ContainsKey(cache.Output)).ToList();
            if (found.Count == 0)
            {
                throw Unusable($"its graph has no cache '{settings.Input}' with an output '{settings.Output}'");
            }

            caches.AddRange(found.Select(cache => Cache(cache.Name, cache.Output, settings.Shape, graph.InputMetadata[cache.Name])));
        }

        return caches.Count <= MostCaches && caches.Sum(cache => cache.Shape.Aggregate(1.0, (a, b) => a * b)) <= MostCacheElements
            ? caches
            : throw Unusable($"its graph's caches are larger than {MostCacheElements} values");
    }

    private GraphCache Cache(string input, string output, IReadOnlyList<int>? shape, NodeMetadata tensor)
    {
        if (!tensor.IsTensor || tensor.IsString)
        {
            throw Unusable($"its graph's '{input}' isn't a tensor of numbers");
        }

        var dimensions = shape?.ToArray() ?? Array.ConvertAll(tensor.Dimensions, length => length < 0 ? 1 : length);
        return dimensions.Length == tensor.Dimensions.Length && dimensions.All(length => length >= 0)
            && dimensions.Zip(tensor.Dimensions).All(pair => pair.Second < 0 || pair.First == pair.Second)
            ? new GraphCache(input, output, tensor.ElementDataType, Array.ConvertAll(dimensions, length => (long)length))
            : throw Unusable(
                $"its cache '{input}' is [{string.Join(", ", dimensions)}], its graph's is [{string.Join(", ", tensor.Dimensions)}]");
    }

    /// <summary>Checks that every input gets a value, and of the right type.</summary>
    private void CheckOthers(InferenceSession graph)
    {
        var chunk = _settings.Chunk;
        var integers = new[] { _settings.LengthInput, chunk?.OffsetInput }.OfType<string>().Concat(_settings.Constants?.Keys ?? []).ToList();
        foreach (var name in integers)
        {
            if (!graph.InputMetadata.TryGetValue(name, out var tensor))
            {
                throw Lacks(_manifest, name, graph.InputMetadata);
            }

            if (!tensor.IsTensor || tensor.ElementDataType is not (TensorElementType.Int64 or TensorElementType.Int32))
            {
                throw Unusable($"its graph's '{name}' isn't an int32 or int64 tensor");
            }
        }

        if (chunk?.Mask is { } mask
            && !(graph.InputMetadata.TryGetValue(mask.Input, out var bits) && bits is { IsTensor: true, ElementDataType: TensorElementType.Bool }))
        {
            throw Unusable($"its graph has no bool tensor '{mask.Input}'");
        }

        var given = integers.Concat(Caches.Select(cache => cache.Input)).Append(_settings.Input).ToList();
        given.AddRange(new[] { chunk?.Mask?.Input }.OfType<string>());
        if (given.Distinct().Count() != given.Count)
        {
            throw Unusable("an input of its graph is named twice");
        }

        if (graph.InputNames.Except(given).FirstOrDefault() is { } missing)
        {
            throw Unusable($"its graph also takes '{missing}', which its model.json says nothing of");
        }
    }

    private static void CheckTensor(
        ModelManifest manifest, IReadOnlyDictionary<string, NodeMetadata> tensors, string name, int rank)
    {
        if (!tensors.TryGetValue(name, out var tensor))
        {
            throw Lacks(manifest, name, tensors);
        }

        if (!tensor.IsTensor || tensor.ElementDataType is not (TensorElementType.Float or TensorElementType.Float16)
            || tensor.Dimensions.Length != rank)
        {
            throw ModelSession.Unusable(manifest, $"its graph's '{name}' isn't a float32 or float16 tensor with {rank} dimensions");
        }
    }

    private static void CheckDimension(
        ModelManifest manifest, IReadOnlyDictionary<string, NodeMetadata> tensors, string name, int dimension, int width)
    {
        // A dimension that is left open is negative.
        if (tensors[name].Dimensions[dimension] is >= 0 and var has && has != width)
        {
            throw ModelSession.Unusable(manifest, $"its graph's '{name}' has {has} values a frame, not {width}");
        }
    }

    private static MissingRequirementException Lacks(
        ModelManifest manifest, string name, IReadOnlyDictionary<string, NodeMetadata> tensors) =>
        ModelSession.Unusable(manifest, $"its graph has no '{name}', but {string.Join(", ", tensors.Keys)}");

    private MissingRequirementException Unusable(string why) => ModelSession.Unusable(_manifest, why);
}
