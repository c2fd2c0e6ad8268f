using System.Text.Json;
using System.Text.Json.Nodes;
using Omoai.Local.Commands;
using Omoai.Local.Models;
using Omoai.Tests;
using Omoai.Transcripts.Activities;
using Omoai.Transcripts.Models;

namespace Omoai.Local.Tests.Models;

public sealed class ModelProposalTests
{
    private static readonly Dictionary<string, string> None = [];

    private readonly Dictionary<string, string> _files = [];
    private readonly List<GraphFacts> _graphs = [];

    [Fact]
    public void Optimums_Whisper_is_known_by_its_graphs()
    {
        Whisper("encoder_model.onnx", "decoder_model_merged.onnx");

        var (manifest, proposal) = Propose(null);

        Assert.Equal((ModelKinds.SpeechWhisper, "mul", true, 80), (manifest.Kind, manifest.Language, manifest.Punctuated, manifest.Features!.Bins));
        Assert.Equal(["de", "en", "vi"], manifest.Languages);
        Assert.Equal(new WhisperSettings("encoder_model.onnx", "decoder_model_merged.onnx", "tokenizer.json") { Generation = "generation_config.json" }, manifest.Whisper);
        Assert.Equal(
            ["config.json", "decoder_model_merged.onnx", "encoder_model.onnx", "encoder_model.onnx_data", "generation_config.json", "tokenizer.json"],
            proposal.Files.Order(StringComparer.Ordinal));
        Assert.Empty(proposal.Notes);
    }

    [Fact]
    public void Whispers_codes_become_tags()
    {
        Whisper("encoder_model.onnx", "decoder_model_merged.onnx");
        _files["generation_config.json"] = """{"lang_to_id":{"<|jw|>":1,"<|yue|>":2,"<|en|>":3}}""";

        Assert.Equal(["en", "jv", "yue"], Propose(null).Manifest.Languages);
    }

    [Fact]
    public void A_Whisper_of_one_language_is_said_to_be()
    {
        Whisper("encoder_model.onnx", "decoder_model_merged.onnx");

        var (manifest, _) = Propose("vi");

        Assert.Equal(("vi", "vi"), (manifest.Language, Assert.Single(manifest.Languages!)));
    }

    [Fact]
    public void The_fullest_form_of_a_graph_is_taken_and_the_others_are_named()
    {
        Whisper("encoder_model_quantized.onnx", "decoder_model_merged_quantized.onnx");
        Whisper("encoder_model_fp16.onnx", "decoder_model_merged_q4.onnx");

        var (manifest, proposal) = Propose(null);

        Assert.Equal(("encoder_model_fp16.onnx", "decoder_model_merged_quantized.onnx"), (manifest.Whisper!.Encoder, manifest.Whisper.Decoder));
        Assert.DoesNotContain("encoder_model_quantized.onnx", proposal.Files);
        Assert.Equal(2, proposal.Notes.Count);
    }

    [Fact]
    public void A_decoder_in_two_graphs_is_taken_as_two()
    {
        Whisper("encoder_model.onnx", "decoder_model.onnx", merged: false);
        _graphs.Add(Decoder("decoder_with_past_model.onnx", [Float("past_key_values.0.decoder.key", -1, 6, -1, 64)]));
        _files["decoder_with_past_model.onnx"] = "";

        var (manifest, _) = Propose(null);

        Assert.Equal(("decoder_model.onnx", "decoder_with_past_model.onnx"), (manifest.Whisper!.Decoder, manifest.Whisper.DecoderWithPast));
    }

    [Theory]
    [InlineData(128)]
    [InlineData(-1)]
    public void Whispers_bins_are_those_of_the_encoder_or_of_its_settings(int bins)
    {
        Whisper("encoder_model.onnx", "decoder_model_merged.onnx", bins: bins);
        _files["preprocessor_config.json"] = """{"feature_size":128}""";

        Assert.Equal(128, Propose(null).Manifest.Features!.Bins);
    }

    [Fact]
    public void A_Whisper_that_lacks_something_is_refused()
    {
        Whisper("encoder_model.onnx", "decoder_model_merged.onnx", bins: 64);
        AssertRefused("64 mel bins");
        Reset();
        Whisper("encoder_model.onnx", "decoder_model_merged.onnx", decoderWidth: 512);
        AssertRefused("they are of different models");
        Reset();
        Whisper("encoder_model.onnx", "decoder_model_merged.onnx");
        _files.Remove("tokenizer.json");
        AssertRefused("tokenizer.json isn't there");
        _files["tokenizer.json"] = "{}";
        _graphs.RemoveAll(graph => graph.File.StartsWith("decoder", StringComparison.Ordinal));
        AssertRefused("there is no decoder");
    }

    [Fact]
    public void Wav2vec2_is_known_by_its_input()
    {
        Waveform(tokens: 4, config: """{"pad_token_id":1,"conv_stride":[5,2,2,2,2,2,2]}""");
        _files["preprocessor_config.json"] = """{"do_normalize":false,"sampling_rate":8000}""";

        var (manifest, proposal) = Propose("vi");

        Assert.Equal((ModelKinds.SpeechCtc, "vi", 8000), (manifest.Kind, manifest.Language, manifest.SampleRate));
        Assert.Equal(("waveform", false, false), (manifest.Features!.Type, manifest.Features.MeanNormalize, manifest.Features.VarianceNormalize));
        Assert.Equal(
            new CtcSettings("model.onnx", "input_values", "logits", "vocab.json", 1, 320) { Layout = "bt", Logits = true, MinFrames = 400, Space = "|" }, manifest.Ctc);
        Assert.Equal(["model.onnx", "vocab.json"], proposal.Files.Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("""{"[PAD]":3,"a":0,"|":1}""", 3)]
    [InlineData("""{"<pad>":0,"a":1,"|":2,"":3}""", 0)]
    [InlineData("""["a","|","<pad>","b"]""", 2)]
    public void The_blank_of_a_wav2vec2_is_its_padding(string vocabulary, int blank)
    {
        Waveform(tokens: 4, config: null);
        _files["vocab.json"] = vocabulary;

        Assert.Equal(blank, Propose("en").Manifest.Ctc!.Blank);
    }

    [Theory]
    [InlineData("""{"a":0,"|":1,"b":2,"c":3}""", "which token is the blank")]
    [InlineData("""{"<pad>":0,"a":1,"|":2}""", "has 3 tokens, model.onnx scores 4")]
    [InlineData("""{"<pad>":0,"a":1,"|":2,"b":-1}""", "the id -1")]
    [InlineData("""{"<pad>":0,"a":1,"|":2,"b":9223372036854775807}""", "the id 9223372036854775807")]
    [InlineData("""{"<pad>":0,"a":1,"|":3,"b":3}""", "two tokens with the id 3")]
    [InlineData("""{"<pad>":0,"a":1,"|":2,"\ud800":3}""", "It can't be used")]
    [InlineData("""{"<pad>":0,"a":1,"b":2,"c":3,"d":4}""", "has 5 tokens, model.onnx scores 4")]
    [InlineData("[1,2]", "isn't an object of tokens")]
    [InlineData("{}", "no tokens")]
    public void Tokens_that_do_not_fit_are_refused(string vocabulary, string why)
    {
        Waveform(tokens: 4, config: null);
        _files["vocab.json"] = vocabulary;

        AssertRefused(why, "en");
    }

    [Fact]
    public void Tokens_that_were_added_to_a_fine_tuning_are_merged_with_its_own()
    {
        Waveform(tokens: 7, config: """{"pad_token_id":1}""");
        _files["added_tokens.json"] = """{"</s>":6,"<s>":5,"<pad>":1}""";

        var (manifest, proposal) = Propose("vi");

        Assert.Equal("tokens.json", manifest.Ctc!.Tokens);
        Assert.Equal(["a", "<pad>", "|", "b", "<unused-4>", "<s>", "</s>"], JsonSerializer.Deserialize<string[]>(proposal.Written["tokens.json"])!);
        Assert.Equal(["model.onnx"], proposal.Files);
    }

    [Fact]
    public void Added_tokens_that_the_graph_does_not_score_are_left_out()
    {
        Waveform(tokens: 4, config: """{"pad_token_id":1}""");
        _files["added_tokens.json"] = """{"</s>":5,"<s>":4}""";

        var (manifest, proposal) = Propose("vi");

        Assert.Equal("vocab.json", manifest.Ctc!.Tokens);
        Assert.Empty(proposal.Written);
    }

    [Theory]
    [InlineData("""{"<s>":4}""", "has 5 tokens with those of added_tokens.json, model.onnx scores 6")]
    [InlineData("""{"<s>":5,"b":4}""", "added_tokens.json")]
    [InlineData("""{"<s>":5,"x":3}""", "two tokens with the id 3")]
    [InlineData("""{"<s>":5,"x":"4"}""", "added_tokens.json isn't an object of tokens")]
    [InlineData("""{"<s>":2147483647}""", "the id 2147483647")]
    public void Added_tokens_that_do_not_fit_are_refused(string added, string why)
    {
        Waveform(tokens: 6, config: """{"pad_token_id":1}""");
        _files["added_tokens.json"] = added;

        AssertRefused(why, "vi");
    }

    [Fact]
    public void An_input_that_would_get_nothing_is_refused()
    {
        Waveform(tokens: 4, config: """{"pad_token_id":0}""", more: new TensorFacts("attention_mask", "int64", [-1, -1]));

        AssertRefused("attention_mask int64 [?, ?]", "en");
    }

    [Theory]
    [InlineData("wenet_ctc", "povey", 32768, 8000, "snip")]
    [InlineData("zipformer2_ctc", "povey", 1, 7600, "kaldi")]
    public void Kaldis_family_is_told_apart_by_what_the_exporter_wrote(string type, string window, double scale, double high, string edges)
    {
        Kaldi(new() { ["model_type"] = type, ["subsampling_factor"] = "4" });

        var (manifest, proposal) = Propose("vi");

        var features = manifest.Features!;
        Assert.Equal((window, scale, high, edges, 80), (features.Window, features.SampleScale, features.HighHz, features.Edges, features.Bins));
        Assert.Equal(
            new CtcSettings("model.onnx", "x", "log_probs", "tokens.txt", 0, 4) { LengthInput = "x_lens", LengthOutput = "log_probs_len", Words = "sentencepiece" },
            manifest.Ctc);
        Assert.Empty(proposal.Notes);
    }

    [Fact]
    public void What_is_guessed_is_said()
    {
        Kaldi([]);
        _files["tokens.txt"] = "a\nb\nc\n";
        _files["global_cmvn"] = "{}";

        var (manifest, proposal) = Propose("vi");

        Assert.Equal(("characters", 0, 4, "global_cmvn"), (manifest.Ctc!.Words, manifest.Ctc.Blank, manifest.Ctc.Subsampling, manifest.Features!.Cmvn));
        Assert.Contains("global_cmvn", proposal.Files);
        Assert.Equal(3, proposal.Notes.Count);
    }

    [Fact]
    public void SenseVoices_levelling_is_written_from_its_metadata()
    {
        Kaldi(
            new() { ["model_type"] = "sense_voice_ctc", ["normalize_samples"] = "0", ["neg_mean"] = "-1.5,-2", ["inv_stddev"] = "0.25,0.5", ["lang_auto"] = "0", ["lang_vi"] = "9", ["lang_zh"] = "3", ["with_itn"] = "14" },
            width: 560, more: [new TensorFacts("language", "int32", [-1]), new TensorFacts("text_norm", "int32", [-1])]);

        var (manifest, proposal) = Propose("vi");

        Assert.Equal((80, 7, 6, "hamming", "am.mvn"), (manifest.Features!.Bins, manifest.Features.StackFrames, manifest.Features.StackStep, manifest.Features.Window, manifest.Features.Cmvn));
        Assert.Equal(["vi", "zh"], manifest.Languages!.Order());
        Assert.Equal((4, 1, true), (manifest.Ctc!.DropFrames, manifest.Ctc.Subsampling, manifest.Punctuated));
        Assert.Equal(new Dictionary<string, long> { ["language"] = 9, ["text_norm"] = 14 }, manifest.Ctc.Constants);
        Assert.Equal(
            "<Nnet>\n<AddShift> 2 2\n<LearnRateCoef> 0 [ -1.5 -2 ]\n<Rescale> 2 2\n<LearnRateCoef> 0 [ 0.25 0.5 ]\n</Nnet>\n", proposal.Written["am.mvn"]);
        Assert.DoesNotContain("am.mvn", proposal.Files);
    }

    [Theory]
    [InlineData("per_feature", true)]
    [InlineData("NA", false)]
    public void NeMos_features_lie_the_other_way_round(string normalize, bool normalized)
    {
        _graphs.Add(new GraphFacts(
            "model.onnx", [Float("audio_signal", -1, 80, -1), new TensorFacts("length", "int64", [-1])], [Float("logprobs", -1, -1, 3)],
            new Dictionary<string, string> { ["model_type"] = "EncDecCTCModelBPE", ["normalize_type"] = normalize, ["subsampling_factor"] = "8" }));
        _files["model.onnx"] = "";
        _files["tokens.txt"] = "▁a 0\nb 1\n<blk> 2\n";

        var (manifest, _) = Propose("en");

        Assert.Equal(("bft", 2, 8, "length", false), (manifest.Ctc!.Layout, manifest.Ctc.Blank, manifest.Ctc.Subsampling, manifest.Ctc.LengthInput, manifest.Ctc.Logits));
        Assert.Equal(("slaney", "hann-symmetric", normalized, false), (manifest.Features!.MelScale, manifest.Features.Window, manifest.Features.MeanNormalize, manifest.Features.PreEmphasisPerFrame));
    }

    [Fact]
    public void Wenets_streaming_export_has_chunks_and_caches()
    {
        Streaming(left: -1);

        var (manifest, proposal) = Propose("vi");

        var chunk = manifest.Ctc!.Chunk!;
        Assert.Equal((64, 3, "offset", 0, null), (chunk.Frames, chunk.Right, chunk.OffsetInput, chunk.OffsetStart, chunk.Mask));
        Assert.Equal([[12, 4, 0, 128], [12, 1, 256, 7]], chunk.Caches.Select(cache => cache.Shape!));
        Assert.Equal(("encoder.onnx", "chunk", "output", new CtcHeadSettings("ctc.onnx", "hidden", "probs")), (manifest.Ctc.Model, manifest.Ctc.Input, manifest.Ctc.Output, manifest.Ctc.Head));
        Assert.Equal(-16, manifest.Ctc.Constants!["required_cache_size"]);
        Assert.Equal(["ctc.onnx", "encoder.onnx", "units.txt"], proposal.Files.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Wenets_streaming_export_of_few_chunks_to_the_left_has_a_mask_and_a_cache_of_that_length()
    {
        Streaming(left: 4, new TensorFacts("att_mask", "bool", [1, 1, -1]));

        var chunk = Propose("vi").Manifest.Ctc!.Chunk!;

        Assert.Equal((64, new ChunkMaskSettings("att_mask", 64)), (chunk.OffsetStart, chunk.Mask));
        Assert.Equal([12, 4, 64, 128], chunk.Caches[0].Shape!);
    }

    [Fact]
    public void A_models_capitals_become_small_letters()
    {
        Waveform(tokens: 4, config: """{"pad_token_id":0}""");
        Assert.False(Propose("en").Manifest.Ctc!.Lowercase);
        _files["vocab.json"] = """{"<pad>":0,"|":1,"A":2,"B":3}""";
        Assert.True(Propose("en").Manifest.Ctc!.Lowercase);
    }

    [Fact]
    public void A_language_model_is_known_by_its_past()
    {
        Llm();

        var (manifest, proposal) = Propose(null);

        Assert.Equal((ModelKinds.Llm, "mul"), (manifest.Kind, manifest.Language));
        Assert.Equivalent(new CausalSettings("model.onnx", "tokenizer.json", "chatml", 32768, [7, 8]), manifest.Causal, strict: true);
        Assert.Equal(
            ["config.json", "generation_config.json", "model.onnx", "model.onnx_data", "tokenizer.json", "tokenizer_config.json"],
            proposal.Files.Order(StringComparer.Ordinal));
        // 1.2 times six files of 10 MiB, and keys and values of two heads of 64 floats for each of 32768 tokens, 64 MiB.
        Assert.Equal(72 + 64 + 128, manifest.MemoryMb);
        Assert.Equal(
            ["Its context of 131072 tokens is cut to 32768, for the memory that it takes: causal.contextTokens may be up to what there is memory for.", "By its chat template it is of the family 'chatml' (causal.chatTemplate)."],
            proposal.Notes.Order(StringComparer.Ordinal).Reverse());
    }

    [Fact]
    public void A_language_model_of_the_genai_builder_is_run_alone()
    {
        Llm("GroupQueryAttention", "model.onnx.data");
        _files.Remove("config.json");
        _files.Remove("generation_config.json");
        _files["genai_config.json"] = """{"model":{"context_length":4096,"eos_token_id":[5,6]}}""";

        var causal = Propose(null).Manifest.Causal!;

        Assert.Equal((4096, 1), (causal.ContextTokens, causal.MaxBatch));
        Assert.Equal([5, 6, 8], causal.EndTokens);
        Assert.Contains("model.onnx.data", Propose(null).Proposal.Files);
        Assert.Contains("genai_config.json", Propose(null).Proposal.Files);
    }

    [Fact]
    public void A_language_model_may_ask_how_many_logits_to_keep()
    {
        Llm(more: new TensorFacts("num_logits_to_keep", "int64", []));
        Assert.Equal(ModelKinds.Llm, Propose(null).Manifest.Kind);
    }

    [Fact]
    public void A_language_model_that_can_not_be_told_what_pads_is_run_alone()
    {
        Llm(mask: false);
        Assert.Equal(1, Propose("vi").Manifest.Causal!.MaxBatch);
        Assert.Equal("vi", Propose("vi").Manifest.Language);
    }

    [Theory]
    [InlineData("""{"chat_template":[{"name":"tools","template":"<|im_start|>"},{"name":"default","template":"<start_of_turn>"}]}""", "gemma", "'gemma'")]
    [InlineData("""{"chat_template":"<|start_header_id|> Today Date: "}""", "llama3", "today's date")]
    [InlineData("""{"chat_template":"{{ 'Human: ' }}"}""", "plain", "isn't of a family")]
    [InlineData("""{"chat_template":5}""", "plain", "no chat template")]
    [InlineData("{}", "plain", "no chat template")]
    public void The_family_of_a_chat_is_guessed(string tokenizerConfig, string family, string note)
    {
        Llm();
        _files["tokenizer_config.json"] = tokenizerConfig;

        var (manifest, proposal) = Propose(null);

        Assert.Equal(family, manifest.Causal!.ChatTemplate);
        Assert.Contains(proposal.Notes, said => said.Contains(note, StringComparison.Ordinal));
    }

    [Fact]
    public void A_chat_template_may_have_a_file_of_its_own_and_its_end_be_in_the_tokenizer()
    {
        Llm();
        _files["tokenizer_config.json"] = "{}";
        _files["chat_template.jinja"] = "{{ '<|im_start|>' }}";
        _files["tokenizer.json"] = """{"added_tokens":[{"id":3,"content":"<|im_start|>"},{"id":4,"content":"<|im_end|>"}]}""";

        Assert.Equal("chatml", Propose(null).Manifest.Causal!.ChatTemplate);
        Assert.Equal([7, 4], Propose(null).Manifest.Causal!.EndTokens);
    }

    [Fact]
    public void A_language_model_that_lacks_something_is_refused()
    {
        Llm();
        _files["config.json"] = _files["generation_config.json"] = _files["tokenizer_config.json"] = "{}";
        AssertRefused("which token ends a reply");
        Reset();
        Llm();
        _files["config.json"] = """{"max_position_embeddings":128}""";
        AssertRefused("its context is 128 tokens");
        Reset();
        Llm();
        _files.Remove("tokenizer.json");
        AssertRefused("tokenizer.json isn't there");
        Reset();
        Llm(more: new TensorFacts("token_type_ids", "int64", [-1, -1]));
        AssertRefused("token_type_ids");
    }

    [Fact]
    public void A_text_is_found_in_a_file_wherever_it_is()
    {
        var folder = Directory.CreateTempSubdirectory("omoai-test-");
        var path = Path.Combine(folder.FullName, "model.onnx");
        foreach (var at in new[] { 0, 5, (1 << 20) - 3, (1 << 20) + 1, (2 << 20) - 6 })
        {
            var bytes = new byte[(2 << 20) + 100];
            "Attention"u8.CopyTo(bytes.AsSpan(at));
            File.WriteAllBytes(path, bytes);
            Assert.True(ModelAdder.Mentions(path, "Attention"));
            Assert.False(ModelAdder.Mentions(path, "Attentions"));
        }

        File.WriteAllBytes(path, []);
        Assert.False(ModelAdder.Mentions(path, "Attention"));
        folder.Delete(recursive: true);
    }

    [SharedDataFact]
    public void Silero_is_known()
    {
        _graphs.Add(new GraphFacts(
            "silero_vad.onnx", [Float("input", -1, -1), Float("state", 2, -1, 128), new TensorFacts("sr", "int64", [])],
            [Float("output", -1, 1), Float("stateN", -1, -1, -1)], None));
        _files["silero_vad.onnx"] = "";

        Assert.Equal((ModelKinds.Vad, "silero_vad.onnx"), (Propose(null).Manifest.Kind, Propose(null).Manifest.Vad!.Model));
    }

    [Fact]
    public void An_older_silero_is_refused()
    {
        _graphs.Add(new GraphFacts("vad.onnx", [Float("input", -1, -1), Float("h", 2, -1, 64), Float("c", 2, -1, 64)], [Float("output", -1, 1)], None));
        AssertRefused("before version 5");
    }

    [Fact]
    public void What_is_not_known_is_described()
    {
        AssertRefused("no .onnx file");
        _graphs.Add(new GraphFacts("broken.onnx", [], [], None, "It isn't protobuf."));
        AssertRefused("It isn't protobuf.");
        _graphs.Add(new GraphFacts("image.onnx", [Float("pixels", 1, 3, 224, 224)], [Float("classes", 1, 1000)], None));
        AssertRefused("image.onnx takes pixels float [1, 3, 224, 224] and gives classes float [1, 1000].");
    }

    [Fact]
    public void A_language_that_nothing_tells_is_asked_for()
    {
        Kaldi(new() { ["model_type"] = "wenet_ctc" });
        Assert.Contains("--language", Assert.Throws<UsageException>(() => Propose(null)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{nonsense")]
    [InlineData("""{"pad_token_id":0,"pad_token_id":0}""")]
    public void Settings_that_are_no_JSON_are_refused(string config)
    {
        Waveform(tokens: 4, config);
        AssertRefused("config.json can't be read", "en");
    }

    [Theory]
    [InlineData("""{"pad_token_id":0,"\ud800":0}""", "{}")]
    [InlineData("""{"pad_token_id":0}""", """{"word_delimiter_token":"\ud800"}""")]
    public void Settings_that_are_no_text_are_refused(string config, string tokenizer)
    {
        Waveform(tokens: 4, config);
        _files["tokenizer_config.json"] = tokenizer;
        AssertRefused("can't be read", "en");
    }

    private static TensorFacts Float(string name, params long[] shape) => new(name, "float", shape);

    private static GraphFacts Decoder(string file, TensorFacts[] more, int width = 384) => new(
        file, [new TensorFacts("input_ids", "int64", [-1, -1]), Float("encoder_hidden_states", -1, 1500, width), .. more], [Float("logits", -1, -1, 51865)], None);

    private void Whisper(string encoder, string decoder, int bins = 80, bool merged = true, int decoderWidth = 384)
    {
        _graphs.Add(new GraphFacts(encoder, [Float("input_features", -1, bins, 3000)], [Float("last_hidden_state", -1, 1500, 384)], None));
        _graphs.Add(Decoder(decoder, merged ? [new TensorFacts("use_cache_branch", "bool", [1]), Float("past_key_values.0.decoder.key", -1, 6, -1, 64)] : [], decoderWidth));
        foreach (var file in new[] { encoder, encoder + "_data", decoder, "README.md" })
        {
            _files[file] = "";
        }

        _files["tokenizer.json"] = _files["config.json"] = "{}";
        _files["generation_config.json"] = """{"lang_to_id":{"<|vi|>":1,"<|en|>":2,"<|de|>":3,"<|../x|>":4}}""";
    }

    private void Llm(string mentioned = "", string weights = "model.onnx_data", bool mask = true, params TensorFacts[] more)
    {
        TensorFacts[] masks = mask ? [new TensorFacts("attention_mask", "int64", [-1, -1])] : [];
        _graphs.Add(new GraphFacts(
            "model.onnx",
            [
                new TensorFacts("input_ids", "int64", [-1, -1]), .. masks, new TensorFacts("position_ids", "int64", [-1, -1]),
                Float("past_key_values.0.key", -1, 2, -1, 128), Float("past_key_values.0.value", -1, 2, -1, 128), .. more,
            ],
            [Float("logits", -1, -1, 1000), Float("present.0.key", -1, 2, -1, 128)], None));
        _files["model.onnx"] = mentioned;
        _files[weights] = _files["tokenizer.json"] = "{}";
        _files["config.json"] = """{"max_position_embeddings":131072,"eos_token_id":7}""";
        _files["generation_config.json"] = """{"eos_token_id":7}""";
        _files["tokenizer_config.json"] = """{"chat_template":"{{'<|im_start|>' + message['role']}}","added_tokens_decoder":{"8":{"content":"<|im_end|>"}}}""";
    }

    private void Waveform(int tokens, string? config, params TensorFacts[] more)
    {
        _graphs.Add(new GraphFacts("model.onnx", [Float("input_values", -1, -1), .. more], [Float("logits", -1, -1, tokens)], None));
        _files["model.onnx"] = "";
        _files["vocab.json"] = """{"a":0,"<pad>":1,"|":2,"b":3}""";
        if (config is not null)
        {
            _files["config.json"] = config;
        }
    }

    private void Kaldi(Dictionary<string, string> metadata, int width = 80, TensorFacts[]? more = null)
    {
        _graphs.Add(new GraphFacts(
            "model.onnx", [Float("x", -1, -1, width), new TensorFacts("x_lens", "int64", [-1]), .. more ?? []],
            [Float("log_probs", -1, -1, 3), new TensorFacts("log_probs_len", "int64", [-1])], metadata));
        _files["model.onnx"] = "";
        _files["tokens.txt"] = "<blk> 0\n▁xin 1\nchào 2\n";
    }

    private void Streaming(int left, params TensorFacts[] more)
    {
        _graphs.Add(new GraphFacts(
            "encoder.onnx",
            [Float("chunk", 1, -1, 80), new TensorFacts("offset", "int64", []), new TensorFacts("required_cache_size", "int64", []), Float("att_cache", -1, -1, -1, -1), Float("cnn_cache", -1, -1, -1, -1), .. more],
            [Float("output", 1, -1, 256), Float("r_att_cache", -1, -1, -1, -1), Float("r_cnn_cache", -1, -1, -1, -1)],
            new Dictionary<string, string>
            {
                ["chunk_size"] = "16",
                ["left_chunks"] = $"{left}",
                ["num_blocks"] = "12",
                ["head"] = "4",
                ["output_size"] = "256",
                ["cnn_module_kernel"] = "8",
                ["subsampling_rate"] = "4",
                ["right_context"] = "6",
            }));
        _graphs.Add(new GraphFacts("ctc.onnx", [Float("hidden", 1, -1, 256)], [Float("probs", 1, -1, 3)], None));
        _files["encoder.onnx"] = _files["ctc.onnx"] = "";
        _files["units.txt"] = "<blank> 0\na 1\nb 2\n";
    }

    private void Reset()
    {
        _files.Clear();
        _graphs.Clear();
    }

    /// <summary>A proposal, and the manifest that it makes.</summary>
    private (ModelManifest Manifest, ModelProposal Proposal) Propose(string? language)
    {
        var proposal = ModelProposal.Make(new FolderFacts([.. _files.Keys.Order(StringComparer.Ordinal)], _graphs, name => _files[name])
        {
            Length = _ => 10 << 20,
            Mentions = (file, text) => _files[file].Contains(text, StringComparison.Ordinal),
        }, language);
        var files = proposal.Files.Concat(proposal.Written.Keys).ToDictionary(name => name, _ => new ModelFile(1, new string('0', 64)));
        return (KnownModels.Shipped.Manifest(proposal.Template, "name", "MIT", files, (JsonObject)proposal.Settings.DeepClone()), proposal);
    }

    private void AssertRefused(string why, string? language = null) =>
        Assert.Contains(why, Assert.Throws<MissingRequirementException>(() => Propose(language)).Message, StringComparison.Ordinal);
}
