using Omoai.Shared;
using Omoai.Speech.Ctc;
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
        using var model = CtcModel.Load(_tones.Folder);

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
        using var model = CtcModel.Load(_tones.Folder, 1);

        Assert.Equal(["ab"], model.Recognize(Samples("_ab_")).Select(word => word.Text));
    }

    [Fact]
    public void The_decoder_of_the_manifest_is_used()
    {
        _tones.UseWords("ab\nbc\n");
        using var model = CtcModel.Load(_tones.Folder);

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
            using var model = CtcModel.Load(_tones.Folder);
            return [.. model.Recognize(Samples("_ab__c_ _b_")).Select(word => word.Confidence)];
        }
    }

    [Fact]
    public void Less_than_a_window_gives_no_words()
    {
        using var model = CtcModel.Load(_tones.Folder);

        Assert.Empty(model.Recognize(new float[399]));
        Assert.Empty(model.Recognize([]));
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
    [InlineData(3, 1f, "its output is [1, ")]
    [InlineData(4, float.NaN, "aren't numbers")]
    public void A_graph_that_computes_something_else_is_refused(int step, float gain, string named)
    {
        _tones.Write("model.onnx", ToneModel.Graph(step, gain: gain));
        _tones.Save();
        using var model = CtcModel.Load(_tones.Folder);

        var e = Assert.Throws<MissingRequirementException>(() => model.Recognize(Samples("_ab_")));

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
        using var model = CtcModel.Load(_tones.Folder);

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
        var e = Assert.Throws<MissingRequirementException>(() => CtcModel.Load(folder));

        Assert.Contains(named, e.Message, StringComparison.Ordinal);
    }
}
