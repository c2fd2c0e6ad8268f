using System.Text;
using Omoai.Shared;
using Omoai.Speech.Features;
using Omoai.Transcripts.Activities;
using Omoai.Transcripts.Models;

namespace Omoai.Speech.Tests.Ctc;

public sealed class CtcModelTests : IDisposable
{
    private readonly ToneModel _tones = new();

    public void Dispose() => _tones.Dispose();

    [Fact]
    public void A_sound_is_recognised()
    {
        using var model = SpeechModels.Load(_tones.Folder);

        var words = model.Recognize(Samples("_ab__c_ _b_"));

        Assert.Equal(["abc", "b"], words.Select(word => word.Text));
        Assert.Equal(0.1, words[0].Start, 0.05);
        Assert.Equal(0.6, words[0].End, 0.05);
        Assert.Equal(0.9, words[1].Start, 0.05);
        Assert.Equal(1.0, words[1].End, 0.05);
        Assert.All(words, word => Assert.InRange(word.Confidence, 0.3, 1));
    }

    [Fact]
    public void Open_dimensions_are_fine()
    {
        _tones.Write("model.onnx", ToneModel.Graph(openWidths: true));
        _tones.Save();
        using var model = SpeechModels.Load(_tones.Folder, 1);

        Assert.Equal(["ab"], model.Recognize(Samples("_ab_")).Select(word => word.Text));
    }

    [Fact]
    public void The_decoder_of_the_manifest_is_used()
    {
        _tones.UseWords("ab\nbc\n");
        using var model = SpeechModels.Load(_tones.Folder);

        // 'abb' isn't a word, and the lexicon knows no better than 'ab'.
        Assert.Equal(["ab", "bc"], model.Recognize(Samples("_abb_ _bc_")).Select(word => word.Text));
        Assert.Equal(["ab", "bc"], model.Recognize(Samples("_ab_b_ _bc_")).Select(word => word.Text));
    }

    [Fact]
    public void The_confidence_is_what_the_manifest_makes_of_it()
    {
        var raw = Confidences();
        _tones.Manifest = _tones.Manifest with { Confidence = new ConfidenceSettings(2, 1) };
        _tones.Save();

        Assert.Equal(raw.Select(c => 1 / (1 + Math.Exp(-((2 * Math.Log(c / (1 - c))) + 1)))), Confidences(), (a, b) => Math.Abs(a - b) < 1e-6);

        List<double> Confidences()
        {
            using var model = SpeechModels.Load(_tones.Folder);
            return [.. model.Recognize(Samples("_ab__c_ _b_")).Select(word => word.Confidence)];
        }
    }

    [Fact]
    public void Less_than_a_window_gives_no_words()
    {
        using var model = SpeechModels.Load(_tones.Folder);

        Assert.Empty(model.Recognize(new float[399]));
        Assert.Empty(model.Recognize([]));
    }

    [Fact]
    public void Stretches_together_give_what_each_gives_alone()
    {
        using var model = SpeechModels.Load(_tones.Folder, 1);
        float[][] stretches = [Samples("_ab_ _c"), [], Samples("ab_"), Samples("_c_"), new float[100], Samples("_bca")];

        Assert.Equal(1, model.BatchSize);
        AssertTogetherAsAlone(model, stretches, ["ab c", "", "ab", "c", "", "bca"]);
    }

    [Fact]
    public void Batches_of_a_graph_that_takes_lengths_give_what_each_stretch_gives_alone()
    {
        UseRandomNet();
        using var model = SpeechModels.Load(_tones.Folder, 1);
        var random = new Random(5);
        float[][] stretches = [.. Enumerable.Range(0, 20).Select(i =>
            Enumerable.Range(0, 8000 + (700 * i)).Select(_ => (float)(random.NextDouble() - 0.5)).ToArray())];

        Assert.Equal(8, model.BatchSize);
        var texts = AssertTogetherAsAlone(model, stretches, null);
        Assert.True(texts.Distinct().Count() > 10, "The texts are too alike to tell one from another.");
    }

    [Fact]
    public void A_stretch_shorter_than_the_graph_can_take_has_no_words()
    {
        var export = new OfflineExport("audio", "y") { Padding = 0 };
        _tones.Write("model.onnx", new OfflineNet(3, 40, 5, export).Graph());
        _tones.Manifest = _tones.Manifest with { Ctc = new CtcSettings("model.onnx", "audio", "y", "tokens.txt", 0, 4) { MinFrames = 7 } };
        _tones.Save();
        using var model = SpeechModels.Load(_tones.Folder, 1);

        Assert.Empty(model.Recognize(Samples("_ab_")[..(400 + (160 * 5))]));
        model.Recognize(Samples("_ab_")[..(400 + (160 * 6))]);
    }

    [Fact]
    public void A_hot_word_is_heard_where_the_sound_leaves_it_open()
    {
        var sound = Samples("_ac_").Zip(Samples("_ab_"), (c, b) => (0.5f * c) + (0.45f * b)).ToArray();
        using var model = SpeechModels.Load(_tones.Folder, 1);

        Assert.Equal(["ac"], model.Recognize(sound).Select(word => word.Text));
        Assert.Equal(["ab"], model.Recognize(sound, "ab").Select(word => word.Text));
        // What isn't heard whole changes nothing but that a search hears it, not the greedy decoder.
        Assert.Equal(
            model.Recognize(sound, "cccccc").Select(word => word.Text), model.Recognize(sound, "bab", "b", "abb c").Select(word => word.Text));
        Assert.Equal(["ac"], model.Recognize(sound).Select(word => word.Text));
        Assert.Equal(["abc", "b"], model.Recognize(Samples("_ab__c_ _b_"), "ca", "zzz").Select(word => word.Text));
    }

    [Fact]
    public void A_hot_word_that_the_lexicon_lacks_is_added_for_the_job()
    {
        _tones.UseWords("ac\n");
        using var model = SpeechModels.Load(_tones.Folder, 1);

        Assert.Equal(["cb", "ac"], model.Recognize(Samples("_cb_ _ac_"), "cb").Select(word => word.Text));
        Assert.DoesNotContain("cb", model.Recognize(Samples("_cb_ _ac_")).Select(word => word.Text));
    }

    [Fact]
    public void Too_many_hot_words_are_bad_input()
    {
        using var model = SpeechModels.Load(_tones.Folder, 1);

        Assert.Throws<BadInputException>(() => model.Recognize(Samples("_a_"), [.. Enumerable.Range(0, 501).Select(i => $"a{i}")]));
    }

    [Fact]
    public void A_language_is_one_that_the_model_can_be_told()
    {
        var net = new SenseVoiceNet(4, 40, 5);
        _tones.Write("model.onnx", net.Graph());
        _tones.Manifest = _tones.Manifest with
        {
            Ctc = new CtcSettings("model.onnx", "x", "logits", "tokens.txt", 0, 1)
            {
                LengthInput = "x_length",
                Logits = true,
                DropFrames = 4,
                Constants = new Dictionary<string, long> { ["language"] = 0, ["text_norm"] = 15 },
                LanguageInput = "language",
                LanguageValues = new Dictionary<string, long> { ["zh"] = 3, ["en"] = 4 },
            },
        };
        _tones.Save();
        using var model = SpeechModels.Load(_tones.Folder, 1);
        float[][] stretches = [Samples("_ab_")];

        model.Recognize(stretches, new RecognitionRequest(), CancellationToken.None);
        model.Recognize(stretches, new RecognitionRequest("en-US"), CancellationToken.None);
        var e = Assert.Throws<MissingRequirementException>(
            () => model.Recognize(stretches, new RecognitionRequest("vi"), CancellationToken.None));
        Assert.Contains("zh, en", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Pieces_of_words_make_words_with_their_times()
    {
        _tones.Write("tokens.txt", "<blk> 0\n▁ 1\n▁đ 2\ni 3\n▁về 4\n"u8.ToArray());
        _tones.Manifest = _tones.Manifest with { Ctc = _tones.Manifest.Ctc! with { Words = "sentencepiece" } };
        _tones.Save();
        using var model = SpeechModels.Load(_tones.Folder, 1);

        // a is ▁đ, b is i, c is ▁về.
        var words = model.Recognize(Samples("_ab__c_ _ab"));

        Assert.Equal(["đi", "về", "đi"], words.Select(word => word.Text));
        Assert.Equal(0.1, words[0].Start, 0.05);
        Assert.Equal(0.3, words[0].End, 0.05);
        Assert.Equal(0.5, words[1].Start, 0.05);
        Assert.Equal(0.9, words[2].Start, 0.05);
        Assert.All(words, word => Assert.InRange(word.Confidence, 0.3, 1));
    }

    [WaveformFact]
    public void A_waveform_is_given_as_it_is()
    {
        _tones.Write("model.onnx", new WaveformNet(6, 5).Graph());
        _tones.Manifest = _tones.Manifest with
        {
            Features = new FeatureSettings { Type = "waveform", MeanNormalize = true, VarianceNormalize = true },
            Ctc = new CtcSettings("model.onnx", "input_values", "logits", "tokens.txt", 0, 20) { Layout = "bt", Logits = true, MinFrames = 25 },
        };
        _tones.Save();
        using var model = SpeechModels.Load(_tones.Folder, 1);

        // Random weights hear something or other; its times are those of the samples.
        var words = model.Recognize(Samples("_ab__c_ _b_"));
        Assert.All(words, word => Assert.InRange(word.End, word.Start, 1.1));
        Assert.Empty(model.Recognize(new float[24]));
    }

    /// <summary>Skipped while there is no extractor for waveforms.</summary>
    [AttributeUsage(AttributeTargets.Method)]
    private sealed class WaveformFactAttribute : FactAttribute
    {
        public WaveformFactAttribute()
        {
            try
            {
                FeatureExtractors.Create(new FeatureSettings { Type = "waveform" }, 16000, _ => Stream.Null);
            }
            catch (MissingRequirementException e)
            {
                Skip = e.Message;
            }
        }
    }

    [Fact]
    public void A_thousand_damaged_settings_give_a_model_or_a_clear_error()
    {
        UseRandomNet();
        var path = Path.Combine(_tones.Folder, ModelManifest.FileName);
        var text = File.ReadAllText(path);
        var from = text.IndexOf("\"ctc\"", StringComparison.Ordinal);
        var to = text.IndexOf("\"files\"", StringComparison.Ordinal);
        string[] pieces =
        [
            "null", "-1", "0", "1e99", "99999999999", "\"\"", "\"*\"", "[]", "{}", "true", "\"x\": 1,", ",", "\"", "7", "[null]",
            "\"chunk\": {\"frames\": 8},", "\"chunk\": {\"frames\": 4, \"right\": 9, \"pad\": 0, \"caches\": [{\"input\": \"*\", \"output\": \"*\"}]},",
            "\"constants\": {\"length\": 3},", "\"dropFrames\": 50,", "\"logits\": true,", "\"words\": \"sentencepiece\",", "\"layout\": \"btf\",",
        ];
        var random = new Random(7);
        var (ran, refused) = (0, 0);
        for (var i = 0; i < 1000; i++)
        {
            var ctc = text[from..to];
            for (var change = random.Next(1, 3); change > 0; change--)
            {
                // Between two of the marks that JSON is made of, or anywhere.
                var marks = ctc.Select((letter, at) => (letter, at)).Where(mark => ":,{}".Contains(mark.letter, StringComparison.Ordinal)).Select(mark => mark.at + 1).ToList();
                var start = random.Next(4) == 0 ? random.Next(ctc.Length) : marks[random.Next(marks.Count)];
                var end = Math.Min(random.Next(2) == 0 ? start : marks.Find(mark => mark > start) - 1 is > 0 and var mark ? mark : start + 1, ctc.Length);
                ctc = ctc[..start] + pieces[random.Next(pieces.Length)] + ctc[Math.Max(start, end)..];
            }

            File.WriteAllText(path, text[..from] + ctc + text[to..]);
            try
            {
                using var model = SpeechModels.Load(_tones.Folder, 1);
                model.Recognize(Samples("_ab_"), "ab");
                ran++;
            }
            catch (MissingRequirementException e)
            {
                Assert.NotEmpty(e.Message);
                refused++;
            }
        }

        Assert.InRange(ran, 50, 950);
        Assert.InRange(refused, 50, 950);
    }

    [Fact]
    public void A_folder_without_a_model_is_named()
    {
        AssertRefused(Path.Combine(_tones.Folder, "none"), "none");
        File.Delete(Path.Combine(_tones.Folder, ModelManifest.FileName));
        AssertRefused(_tones.Folder, "omoai models list");
    }

    [Fact]
    public void A_model_of_another_kind_is_refused() =>
        AssertRefused(manifest => manifest with { Kind = ModelKinds.Punctuation }, "its kind is 'punctuation'");

    [Fact]
    public void A_manifest_without_features_is_refused() => AssertRefused(manifest => manifest with { Features = null }, "'features'");

    [Fact]
    public void A_changed_file_is_refused()
    {
        var path = Path.Combine(_tones.Folder, "model.onnx");
        var bytes = File.ReadAllBytes(path);
        bytes[^1] ^= 1;
        File.WriteAllBytes(path, bytes);

        AssertRefused(_tones.Folder, "damaged");
    }

    [Fact]
    public void A_file_that_wasnt_checked_is_not_used() => AssertRefused(
        manifest => manifest with { Ctc = manifest.Ctc! with { Tokens = "../tokens.txt" } }, "'../tokens.txt', which is not among");

    [Fact]
    public void A_graph_that_isnt_one_is_refused() => AssertGraphRefused([1, 2, 3, 4], "can't be loaded");

    [Fact]
    public void A_graph_cut_short_is_refused() => AssertGraphRefused(ToneModel.Graph()[..200], "can't be loaded");

    [Fact]
    public void A_graph_with_another_input_is_refused() => AssertGraphRefused(ToneModel.Graph(input: "audio"), "'features', but audio");

    [Fact]
    public void A_graph_with_another_output_is_refused() => AssertGraphRefused(ToneModel.Graph(output: "y"), "'log_probs', but y");

    [Fact]
    public void A_graph_with_other_tokens_is_refused() => AssertGraphRefused(ToneModel.Graph(tokens: 4), "4 values a frame, not 5");

    [Fact]
    public void A_graph_with_other_bins_is_refused() => AssertRefused(
        manifest => manifest with { Features = manifest.Features! with { Bins = 41 } }, "40 values a frame, not 41");

    [Theory]
    [InlineData(3, 1f, "makes 40")]
    [InlineData(4, float.NaN, "aren't numbers")]
    public void A_graph_that_computes_something_else_is_refused(int step, float gain, string named)
    {
        _tones.Write("model.onnx", ToneModel.Graph(step, gain: gain));
        _tones.Save();
        using var model = SpeechModels.Load(_tones.Folder);

        var e = Assert.Throws<MissingRequirementException>(() => model.Recognize(Samples("_ab__ab__ab__ab_")));

        Assert.Contains(named, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_run_that_gets_no_memory_is_out_of_memory()
    {
        // log_probs = Expand(the first 5 bins of features, [2^46, 1, 1]), which no address space holds.
        _tones.Write("model.onnx", Convert.FromBase64String(
            "CAg64gEKHQoIZmVhdHVyZXMKAWEKAWIKAWMSAXgiBVNsaWNlChkKAXgKAXMSCWxvZ19wcm9icyIGRXhwYW5kEgRodWdlKhEIARAHQgFhSggAAAAA"
            + "AAAAACoRCAEQB0IBYkoIBQAAAAAAAAAqEQgBEAdCAWNKCAIAAAAAAAAAKiEIAxAHQgFzShgAAAAAAEAAAAEAAAAAAAAAAQAAAAAAAABaIAoIZmVh"
            + "dHVyZXMSFAoSCAESDgoDEgFiCgMSAXQKAggoYiIKCWxvZ19wcm9icxIVChMIARIPCgMSAW4KAxIBcwoDEgF3QgQKABAR"));
        _tones.Save();
        using var model = SpeechModels.Load(_tones.Folder);

        var e = Assert.Throws<OutOfMemoryException>(() => model.Recognize(Samples("_ab_")));

        Assert.Contains("'tones'", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("[ErrorCode:RuntimeException] Failed to allocate memory for requested buffer of size 9", true)]
    [InlineData("[ErrorCode:Fail] CUDA failure 2: out of memory ; GPU=0", true)]
    [InlineData("[ErrorCode:RuntimeException] CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED ; GPU=0", true)]
    [InlineData("[ErrorCode:Fail] std::bad_alloc", true)]
    [InlineData("[ErrorCode:Fail] CUDA failure 700: an illegal memory access was encountered", false)]
    public void What_ONNX_Runtime_says_when_memory_runs_out_is_told(string message, bool outOfMemory) =>
        Assert.Equal(outOfMemory, ModelSession.IsOutOfMemory(new InvalidOperationException(message)));

    [Theory]
    [InlineData("\"beam\": 32", "\"beam\": 0")]
    [InlineData("\"beam\": 32", "\"beam\": 5000")]
    [InlineData("\"lmWeight\": 0.8", "\"lmWeight\": 1e999")]
    [InlineData("\"wordBonus\": 1.5", "\"wordBonus\": -1e999")]
    public void A_decoder_that_cant_be_is_refused(string written, string changed)
    {
        _tones.UseWords("ab\n");
        AssertRefused(written, changed, "its decoder");
    }

    [Theory]
    [InlineData("\"slope\": 2", "\"slope\": 0")]
    [InlineData("\"slope\": 2", "\"slope\": -1")]
    [InlineData("\"slope\": 2", "\"slope\": 1e999")]
    [InlineData("\"offset\": 1", "\"offset\": 1e999")]
    public void A_confidence_that_would_turn_the_order_of_words_is_refused(string written, string changed)
    {
        _tones.Manifest = _tones.Manifest with { Confidence = new ConfidenceSettings(2, 1) };
        _tones.Save();
        AssertRefused(written, changed, "its confidence");
    }

    [Fact]
    public void N_grams_that_arent_whole_are_refused()
    {
        _tones.UseWords("ab\n", "\\data\\\nngram 1=1\n");

        AssertRefused(_tones.Folder, "ngrams.arpa");
    }

    /// <summary>A graph with random weights that takes and masks lengths, as NeMo's.</summary>
    private void UseRandomNet()
    {
        const string Tokens = "<space>\na\nb\nc\nd\n<blk>\n";
        var export = new OfflineExport("audio_signal", "logprobs") { Length = "length", BinsFirst = true };
        _tones.Write("model.onnx", new OfflineNet(3, 40, 6, export).Graph());
        _tones.Write("tokens.txt", Encoding.UTF8.GetBytes(Tokens));
        _tones.Manifest = _tones.Manifest with
        {
            Features = _tones.Manifest.Features! with { MeanNormalize = true },
            Ctc = new CtcSettings("model.onnx", "audio_signal", "logprobs", "tokens.txt", 5, 4) { Layout = "bft", LengthInput = "length" },
        };
        _tones.Save();
    }

    private static List<string> AssertTogetherAsAlone(ISpeechModel model, float[][] stretches, string[]? expected)
    {
        var together = model.Recognize(stretches, new RecognitionRequest(), CancellationToken.None);
        var texts = together.Select(stretch => string.Join(' ', stretch.Words.Select(word => word.Text))).ToList();
        if (expected is not null)
        {
            Assert.Equal(expected, texts);
        }

        for (var i = 0; i < stretches.Length; i++)
        {
            var alone = model.Recognize(stretches[i]);
            Assert.Equal(alone.Select(word => (word.Text, word.Start, word.End)), together[i].Words.Select(word => (word.Text, word.Start, word.End)));
            Assert.All(alone.Zip(together[i].Words), pair => Assert.Equal(pair.First.Confidence, pair.Second.Confidence, 1e-4));
        }

        return texts;
    }

    private static float[] Samples(string text) => Array.ConvertAll(ToneModel.Sound(text), sample => sample / 32768f);

    private void AssertGraphRefused(byte[] graph, string named)
    {
        _tones.Write("model.onnx", graph);
        AssertRefused(manifest => manifest, named);
    }

    private void AssertRefused(string written, string changed, string named)
    {
        var path = Path.Combine(_tones.Folder, ModelManifest.FileName);
        var text = File.ReadAllText(path);
        Assert.Contains(written, text, StringComparison.Ordinal);
        File.WriteAllText(path, text.Replace(written, changed, StringComparison.Ordinal));

        AssertRefused(_tones.Folder, named);
    }

    private void AssertRefused(Func<ModelManifest, ModelManifest> change, string named)
    {
        _tones.Manifest = change(_tones.Manifest);
        _tones.Save();
        AssertRefused(_tones.Folder, named);
    }

    private static void AssertRefused(string folder, string named)
    {
        var e = Assert.Throws<MissingRequirementException>(() => SpeechModels.Load(folder));

        Assert.Contains(named, e.Message, StringComparison.Ordinal);
    }
}
