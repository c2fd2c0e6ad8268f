using Microsoft.ML.OnnxRuntime.Tensors;
using Omoai.Shared;
using Omoai.Speech.Ctc;
using Omoai.Transcripts.Activities;
using Omoai.Transcripts.Models;

namespace Omoai.Speech.Tests.Ctc;

/// <summary>Graphs with the names and shapes of public exports, each described by its model.json, against plain loops.</summary>
public sealed class CtcGraphTests : IDisposable
{
    private const int Bins = 6;
    private const int Tokens = 11;

    private readonly ToneModel _folder = new();

    public void Dispose() => _folder.Dispose();

    private static OfflineExport Wenet => new("speech", "ctc_log_probs")
    {
        Length = "speech_lengths",
        LengthType = TensorElementType.Int32,
        OutputLength = "encoder_out_lens",
        Padding = 0,
    };

    private static OfflineExport Nemo => new("audio_signal", "logprobs") { Length = "length", BinsFirst = true };

    [Fact]
    public void Wenet_in_batches_is_what_its_stretches_are_alone()
    {
        // The encoder's own output would be there too; what isn't asked for isn't computed.
        var net = new OfflineNet(1, Bins, Tokens, Wenet);
        using var graph = Load(
            new CtcSettings("model.onnx", "speech", "ctc_log_probs", "tokens.txt", 0, 4) { LengthInput = "speech_lengths", LengthOutput = "encoder_out_lens", MinFrames = 7 },
            net.Graph());

        Assert.True(graph.MixesLengths);
        AssertBatches(graph, net.Reference, [60, 33, 7, 61, 62]);
    }

    [Fact]
    public void ChunkFormer_has_a_head_of_its_own()
    {
        var net = new OfflineNet(12, Bins, Tokens, new OfflineExport("feats", "enc_out")
        {
            Length = "feat_lens",
            OutputLength = "enc_lens",
            Padding = 0,
            WithoutHead = true,
        });
        using var graph = Load(
            new CtcSettings("model.onnx", "feats", "enc_out", "tokens.txt", 0, 4)
            {
                LengthInput = "feat_lens",
                LengthOutput = "enc_lens",
                MinFrames = 7,
                Head = new CtcHeadSettings("ctc.onnx", "enc_out", "log_probs"),
            }, net.Graph(), net.Head("enc_out", "log_probs"));

        AssertBatches(graph, net.Reference, [60, 33, 7, 61, 62]);
    }

    [Fact]
    public void NeMo_has_no_lengths_and_rounds_up()
    {
        var net = new OfflineNet(2, Bins, Tokens, Nemo);
        using var graph = Load(
            new CtcSettings("model.onnx", "audio_signal", "logprobs", "tokens.txt", 10, 4) { Layout = "bft", LengthInput = "length" }, net.Graph());

        AssertBatches(graph, net.Reference, [48, 47, 46, 45, 44, 43, 1]);
        Assert.True(graph.MixesLengths);
    }

    [Fact]
    public void A_graph_that_rounds_otherwise_and_gives_no_lengths_is_run_one_by_one()
    {
        var net = new OfflineNet(3, Bins, Tokens, Nemo with { Padding = 0 });
        using var graph = Load(
            new CtcSettings("model.onnx", "audio_signal", "logprobs", "tokens.txt", 10, 4) { Layout = "bft", LengthInput = "length", MinFrames = 7 },
            net.Graph());

        Assert.True(graph.MixesLengths);
        AssertBatches(graph, net.Reference, [48, 47, 46, 45, 44, 43, 9]);
        Assert.False(graph.MixesLengths);
        AssertBatches(graph, net.Reference, [48, 48]);
    }

    [Fact]
    public void SenseVoice_is_told_language_and_form_and_its_first_frames_are_dropped()
    {
        var net = new SenseVoiceNet(4, Bins, Tokens);
        using var graph = Load(
            new CtcSettings("model.onnx", "x", "logits", "tokens.txt", 0, 1)
            {
                LengthInput = "x_length",
                Logits = true,
                DropFrames = 4,
                Constants = new Dictionary<string, long> { ["language"] = 0, ["text_norm"] = 15 },
                LanguageInput = "language",
                LanguageValues = new Dictionary<string, long> { ["en"] = 4 },
            }, net.Graph());

        AssertBatches(graph, features => net.Reference(features, 0, 15), [20, 17, 3]);
        AssertBatches(graph, features => net.Reference(features, 4, 15), [20, 17, 3], language: 4);
        Assert.NotEqual(net.Reference(RandomNet.Features(1, 5, Bins), 0, 15)[0][0], net.Reference(RandomNet.Features(1, 5, Bins), 4, 15)[0][0], 1e-2);
    }

    [Fact]
    public void Wav2vec2_takes_samples()
    {
        var waveform = new WaveformNet(6, Tokens);
        using var samples = Load(
            new CtcSettings("model.onnx", "input_values", "logits", "tokens.txt", 0, 20) { Layout = "bt", Logits = true, MinFrames = 25 },
            waveform.Graph(), bins: 1);
        Assert.False(samples.MixesLengths);
        AssertBatches(samples, waveform.Reference, [400, 400], bins: 1);
        AssertBatches(samples, waveform.Reference, [415], bins: 1);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Halves_go_in_and_out(bool binsFirst)
    {
        var export = new OfflineExport("audio", "halves") { Length = "lengths", LengthType = TensorElementType.Int32, BinsFirst = binsFirst, Half = true };
        var net = new OfflineNet(7, Bins, Tokens, export);
        using var graph = Load(
            new CtcSettings("model.onnx", "audio", "halves", "tokens.txt", 0, 4) { LengthInput = "lengths", Layout = binsFirst ? "bft" : "btf" }, net.Graph());

        AssertBatches(graph, net.Reference, [40, 32, 5], tolerance: 2e-2);
    }

    [Theory]
    [InlineData(7)]
    [InlineData(16)]
    [InlineData(19)]
    [InlineData(20)]
    [InlineData(22)]
    [InlineData(23)]
    [InlineData(64)]
    [InlineData(150)]
    [InlineData(157)]
    public void Wenet_in_chunks_with_a_cache_of_fixed_length_is_what_the_whole_is(int frames)
    {
        var net = new StreamingNet(8, Bins, Tokens);
        using var graph = LoadWenet(
            net, grows: false, new ChunkSettings(16)
            {
                Right = 3,
                OffsetInput = "offset",
                OffsetStart = 8,
                Mask = new ChunkMaskSettings("att_mask", 8),
                Caches = [new CacheSettings("att_cache", "r_att_cache", [1, 1, 8, 8]), new CacheSettings("*_cache", "r_*_cache")],
            }, new Dictionary<string, long> { ["required_cache_size"] = 8 });
        var features = RandomNet.Features(frames, frames, Bins);

        AssertSame(net.Reference(features, 4, 8, 8, 0), graph.Run([features], null, CancellationToken.None)[0], 1e-4);
    }

    [Theory]
    [InlineData(7)]
    [InlineData(19)]
    [InlineData(150)]
    public void Wenet_in_chunks_with_a_cache_that_grows_is_what_the_whole_is(int frames)
    {
        var net = new StreamingNet(9, Bins, Tokens);
        using var graph = LoadWenet(
            net, grows: true, new ChunkSettings(16)
            {
                Right = 3,
                OffsetInput = "offset",
                Caches = [new CacheSettings("att_cache", "r_att_cache", [1, 1, 0, 8]), new CacheSettings("cnn_cache", "r_cnn_cache")],
            });
        var features = RandomNet.Features(frames, frames, Bins);

        AssertSame(net.Reference(features, 4, 10000, 0, 0), graph.Run([features], null, CancellationToken.None)[0], 1e-4);
        // And again: nothing of the first stretch is left in the caches.
        AssertSame(net.Reference(features, 4, 10000, 0, 0), graph.Run([features], null, CancellationToken.None)[0], 1e-4);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(31)]
    [InlineData(32)]
    [InlineData(33)]
    [InlineData(160)]
    public void Zipformer2_carries_all_its_states_and_its_last_chunk_is_filled_up(int frames)
    {
        const int Chunk = 32, Window = 35, Left = 16;
        var net = new StreamingNet(10, Bins, Tokens);
        using var graph = Load(
            new CtcSettings("model.onnx", "x", "log_probs", "tokens.txt", 0, 4)
            {
                Chunk = new ChunkSettings(Chunk) { Right = Window - Chunk, Pad = -1.5, Caches = [new CacheSettings("*", "new_*")] },
            }, net.Zipformer(Window, Left));
        var features = RandomNet.Features(frames, frames, Bins);
        var chunks = (frames + Chunk - 1) / Chunk;
        float[] filled = [.. features, .. Enumerable.Repeat(-1.5f, (((chunks * Chunk) + Window - Chunk) * Bins) - features.Length)];

        var result = graph.Run([features], null, CancellationToken.None)[0];

        Assert.Equal((frames + 3) / 4, result.Frames);
        AssertSame(net.Reference(filled, Chunk / 4, Left, null, 4)[..result.Frames], result, 1e-4);
    }

    [Theory]
    [InlineData(32, 3, null)]
    [InlineData(32, 4, 0.0)]
    [InlineData(0, 0, null)]
    public void A_graph_of_fixed_length_must_be_run_in_chunks_of_it(int frames, int right, double? pad)
    {
        var chunk = new ChunkSettings(frames) { Right = right, Pad = pad, Caches = [new CacheSettings("*", "new_*")] };
        var settings = new CtcSettings("model.onnx", "x", "log_probs", "tokens.txt", 0, 4) { Chunk = frames > 0 ? chunk : null };

        var e = Assert.Throws<MissingRequirementException>(() => Load(settings, new StreamingNet(10, Bins, Tokens).Zipformer(35, 16)));

        Assert.Contains("takes 35 frames", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(5)]
    [InlineData(40)]
    [InlineData(41)]
    [InlineData(200)]
    public void Frames_that_are_given_again_are_dropped_from_the_output(int frames)
    {
        // A graph without states whose frames see 7 of the features before and after them: 8 are given again on either side.
        var net = new ContextNet(11, Bins, Tokens);
        using var graph = Load(
            new CtcSettings("model.onnx", "x", "y", "tokens.txt", 0, 4) { Chunk = new ChunkSettings(40) { Left = 8, Right = 8 } }, net.Graph());
        using var whole = Load(new CtcSettings("model.onnx", "x", "y", "tokens.txt", 0, 4), net.Graph());
        var features = RandomNet.Features(frames, frames, Bins);

        var result = graph.Run([features], null, CancellationToken.None)[0];

        AssertSame(net.Reference(features), result, 1e-4);
        AssertSame(net.Reference(features), whole.Run([features], null, CancellationToken.None)[0], 1e-4);
    }

    [Fact]
    public void Cancelling_stops_before_the_next_run()
    {
        var net = new ContextNet(11, Bins, Tokens);
        using var graph = Load(new CtcSettings("model.onnx", "x", "y", "tokens.txt", 0, 4), net.Graph());

        Assert.Throws<OperationCanceledException>(() => graph.Run([RandomNet.Features(1, 8, Bins)], null, new CancellationToken(canceled: true)));
    }

    [Theory]
    [InlineData("\"subsampling\": 4", "\"subsampling\": 2", "makes 80")]
    [InlineData("\"subsampling\": 4", "\"subsampling\": 0", "subsampling")]
    [InlineData("\"lengthInput\": \"length\"", "\"lengthInput\": \"len\"", "no 'len'")]
    [InlineData("\"lengthInput\": \"length\",", "", "also takes 'length'")]
    [InlineData("\"layout\": \"bft\"", "\"layout\": \"tbf\"", "'tbf'")]
    [InlineData("\"layout\": \"bft\"", "\"layout\": \"bt\"", "2 dimensions")]
    [InlineData("\"layout\": \"bft\"", "\"layout\": \"btf\"", "isn't 'btf'")]
    [InlineData("\"layout\": \"bft\"", "\"layout\": \"bft\", \"constants\": {\"x\": 1}", "no 'x'")]
    [InlineData("\"layout\": \"bft\"", "\"layout\": \"bft\", \"lengthOutput\": \"lens\"", "no 'lens'")]
    [InlineData("\"layout\": \"bft\"", "\"layout\": \"bft\", \"constants\": {\"length\": 1}", "twice")]
    [InlineData("\"layout\": \"bft\"", "\"layout\": \"bft\", \"languageInput\": \"l\"", "'l' is not among")]
    [InlineData("\"layout\": \"bft\"", "\"layout\": \"bft\", \"chunk\": {\"frames\": 3}", "multiple")]
    [InlineData("\"layout\": \"bft\"", "\"layout\": \"bft\", \"chunk\": {\"frames\": 4, \"caches\": [{\"input\": \"c\", \"output\": \"d\"}]}", "no cache 'c'")]
    [InlineData("\"layout\": \"bft\"", "\"layout\": \"bft\", \"chunk\": {\"frames\": 4, \"offsetInput\": \"o\"}", "no 'o'")]
    [InlineData("\"layout\": \"bft\"", "\"layout\": \"bft\", \"chunk\": {\"frames\": 4, \"mask\": {\"input\": \"m\", \"cacheFrames\": 1}}", "'m'")]
    [InlineData("\"blank\": 10", "\"blank\": 11", "blank is token 11")]
    public void Settings_that_dont_fit_the_graph_are_refused(string written, string changed, string named)
    {
        var net = new OfflineNet(2, Bins, Tokens, Nemo);
        Write(new CtcSettings("model.onnx", "audio_signal", "logprobs", "tokens.txt", 10, 4) { Layout = "bft", LengthInput = "length" }, net.Graph());
        _folder.Write("tokens.txt", [.. Enumerable.Range(0, Tokens).SelectMany(id => new[] { (byte)('a' + id), (byte)'\n' })]);
        _folder.Manifest = _folder.Manifest with
        {
            Ctc = _folder.Manifest.Ctc! with { Words = "characters" },
            Features = _folder.Manifest.Features! with { Bins = Bins },
        };
        _folder.Save();
        var path = Path.Combine(_folder.Folder, ModelManifest.FileName);
        var text = File.ReadAllText(path);
        Assert.Contains(written, text, StringComparison.Ordinal);
        File.WriteAllText(path, text.Replace(written, changed, StringComparison.Ordinal));

        var e = Assert.Throws<MissingRequirementException>(() =>
        {
            using var model = SpeechModels.Load(_folder.Folder, 1);
            model.Recognize(new float[400 + (160 * 159)]);
        });

        Assert.Contains(named, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Logits_that_are_said_to_be_log_probabilities_are_refused()
    {
        var net = new OfflineNet(2, Bins, Tokens, Nemo with { Logits = true });
        using var graph = Load(
            new CtcSettings("model.onnx", "audio_signal", "logprobs", "tokens.txt", 10, 4) { Layout = "bft", LengthInput = "length" }, net.Graph());

        var e = Assert.Throws<MissingRequirementException>(() => graph.Run([RandomNet.Features(3, 40, Bins)], null, CancellationToken.None));

        Assert.Contains("set 'logits'", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_cache_that_no_memory_holds_is_refused()
    {
        var e = Assert.Throws<MissingRequirementException>(() => LoadWenet(
            new StreamingNet(9, Bins, Tokens), grows: true, new ChunkSettings(16)
            {
                OffsetInput = "offset",
                Caches = [new CacheSettings("att_cache", "r_att_cache", [1, 1, int.MaxValue, 8]), new CacheSettings("cnn_cache", "r_cnn_cache")],
            }));

        Assert.Contains("caches are larger", e.Message, StringComparison.Ordinal);
    }

    private void Write(CtcSettings settings, byte[] model, byte[]? head = null)
    {
        _folder.Write("model.onnx", model);
        if (head is not null)
        {
            _folder.Write("ctc.onnx", head);
        }

        _folder.Manifest = _folder.Manifest with { Ctc = settings };
        _folder.Save();
    }

    private CtcGraph Load(CtcSettings settings, byte[] model, byte[]? head = null, int bins = Bins)
    {
        Write(settings, model, head);
        // From the file, so that all of it is in there.
        var manifest = ModelSession.ReadManifest(_folder.Folder, ModelKinds.SpeechCtc);
        return CtcGraph.Load(_folder.Folder, manifest, manifest.Ctc!, bins, Tokens, 1, new CudaSettings());
    }

    private CtcGraph LoadWenet(StreamingNet net, bool grows, ChunkSettings chunk, Dictionary<string, long>? constants = null) => Load(
        new CtcSettings("model.onnx", "chunk", "output", "tokens.txt", 0, 4)
        {
            MinFrames = 7,
            Head = new CtcHeadSettings("ctc.onnx", "hidden", "probs"),
            Constants = constants,
            Chunk = chunk,
        }, net.WenetEncoder(grows), net.WenetHead());

    private static void AssertBatches(
        CtcGraph graph, Func<float[], double[][]> reference, int[] frames, long? language = null, double tolerance = 1e-4, int bins = Bins)
    {
        var features = frames.Select((count, i) => RandomNet.Features(100 + i, count, bins)).ToList();

        var together = graph.Run(features, language, CancellationToken.None);

        Assert.Equal(frames.Length, together.Count);
        for (var i = 0; i < frames.Length; i++)
        {
            AssertSame(reference(features[i]), together[i], tolerance);
            AssertSame(reference(features[i]), graph.Run([features[i]], language, CancellationToken.None)[0], tolerance);
        }
    }

    private static void AssertSame(double[][] expected, LogProbabilities actual, double tolerance)
    {
        Assert.Equal(expected.Length, actual.Frames);
        for (var frame = 0; frame < expected.Length; frame++)
        {
            for (var token = 0; token < expected[frame].Length; token++)
            {
                Assert.Equal(expected[frame][token], actual[frame][token], tolerance);
            }
        }
    }
}
