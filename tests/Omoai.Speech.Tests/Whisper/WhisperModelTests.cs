using System.Text;
using System.Text.Json;
using Microsoft.ML.OnnxRuntime.Tensors;
using Omoai.Speech.Audio;
using Omoai.Speech.Whisper;
using Omoai.Tests;
using Omoai.Transcripts;
using Omoai.Transcripts.Activities;
using Omoai.Transcripts.Models;

namespace Omoai.Speech.Tests.Whisper;

public sealed class WhisperModelTests : IDisposable
{
    private static readonly float[] FiveSeconds = Samples(5, 0.1f);

    private readonly WhisperFolder _folder = new(" Hello", " wor", "ld", " vi", " en", " translated", "aaaa");

    [Fact]
    public void Words_have_the_times_of_their_timestamps()
    {
        Script().Says(
            _folder.Time(0.5), _folder.Id(" Hello"), _folder.Id(","), _folder.Time(2),
            _folder.Time(3), _folder.Id(" wor"), _folder.Id("ld"), _folder.Id("!"), _folder.Time(4.5)).Write();
        using var model = _folder.Load();

        var result = Recognize(model, "en");

        Assert.Equal(["Hello,", "world!"], result.Words.Select(word => word.Text));
        Assert.Equal([(0.5, 2.0), (3.0, 4.5)], result.Words.Select(word => (word.Start, word.End)));
        Assert.All(result.Words, word => Assert.InRange(word.Confidence, 0.999, 1));
        Assert.Null(result.Language);
        Assert.Null(result.Doubt);
    }

    [Fact]
    public void Words_between_two_timestamps_share_the_time_by_their_lengths_and_end_with_the_audio()
    {
        // Eleven characters without the space: five and six. What isn't closed goes on to the end at 5 s.
        Script().Says(
            _folder.Time(0), _folder.Id(" Hello"), _folder.Id(" wor"), _folder.Id("ld"), _folder.Id("!"), _folder.Time(2.2),
            _folder.Time(4), _folder.Id(" Hello")).Write();
        using var model = _folder.Load();

        var words = Recognize(model, "en").Words;

        Assert.Equal([0, 1, 4], words.Select(word => word.Start), new Near());
        Assert.Equal([1, 2.2, 5], words.Select(word => word.End), new Near());
    }

    [Fact]
    public void Times_after_the_end_of_the_audio_are_brought_into_it()
    {
        Script().Says(_folder.Time(0), _folder.Id(" Hello"), _folder.Time(20), _folder.Time(21), _folder.Id(" wor"), _folder.Time(25)).Write();
        using var model = _folder.Load();

        Assert.Equal([(0.0, 5.0), (5.0, 5.0)], Recognize(model, "en").Words.Select(word => (word.Start, word.End)));
    }

    [Fact]
    public void What_a_model_leaves_to_the_next_window_is_recognised_too()
    {
        // Two timestamps at the end: something else begins at 2 s. The script is the same for each window of the 5 s.
        Script().Says(_folder.Time(0), _folder.Id(" Hello"), _folder.Time(2), _folder.Time(2)).Write();
        using var model = _folder.Load();

        Assert.Equal([(0.0, 2.0), (2.0, 4.0), (4.0, 5.0)], Recognize(model, "en").Words.Select(word => (word.Start, word.End)));
    }

    [Fact]
    public void A_word_has_the_geometric_mean_of_its_tokens_probabilities()
    {
        // Probabilities 1/2 and 1/4 (e to 0 in e to 0 and e to ln 3), with every other token as good as impossible.
        Script().At(ScriptedDecoder.First, (_folder.Time(0), 0))
            .At(ScriptedDecoder.First + 1, (_folder.Id(" wor"), 0.001), (_folder.Id(" Hello"), 0))
            .At(ScriptedDecoder.First + 2, (_folder.Id("ld"), 0.001), (_folder.Id("!"), 0), (_folder.Id(","), 0), (_folder.Id(" vi"), 0))
            .At(ScriptedDecoder.First + 3, (_folder.Time(2), 0))
            .At(ScriptedDecoder.First + 4, (_folder.Tokens.EndOfText, 0)).Write();
        using var model = _folder.Load();

        var word = Assert.Single(Recognize(model, "en").Words);

        Assert.Equal("world", word.Text);
        Assert.Equal(Math.Sqrt(1 / 8.0), word.Confidence, 1e-3);
    }

    [Fact]
    public void The_language_is_asked_for_detected_or_the_models_only_one()
    {
        Script()
            .At(0, (_folder.Language("vi"), 5), (_folder.Language("zh"), 4), (_folder.Language("jw"), 3))
            .Says(_folder.Time(0), _folder.Id(" Hello"), _folder.Time(2))
            .Mark(_folder.Language("vi"), _folder.Id(" vi")).Mark(_folder.Language("en"), _folder.Id(" en")).Write();
        using (var model = _folder.Load())
        {
            Assert.Equal(("vi", " vi"), Found(model, null));
            Assert.Equal((null, " en"), Found(model, "en-GB"));
            Assert.Equal((null, " vi"), Found(model, "vi"));
            var e = Assert.Throws<MissingRequirementException>(() => Recognize(model, "de"));
            Assert.Contains("'de'", e.Message, StringComparison.Ordinal);
        }

        _folder.Manifest = _folder.Manifest with { Languages = ["en", "jv"] };
        using (var model = _folder.Load())
        {
            Assert.Equal("jv", Found(model, null).Language);
            Assert.Throws<MissingRequirementException>(() => Recognize(model, "vi"));
        }

        _folder.Manifest = _folder.Manifest with { Languages = null, Language = "vi" };
        using (var model = _folder.Load())
        {
            Assert.Equal((null, " vi"), Found(model, null));
            Assert.Throws<MissingRequirementException>(() => Recognize(model, "en"));
        }

        static (string? Language, string First) Found(WhisperModel model, string? asked)
        {
            var result = Recognize(model, asked);
            return (result.Language, " " + result.Words[0].Text);
        }
    }

    [Fact]
    public void A_model_of_English_only_has_no_language_and_no_task_in_its_prompt()
    {
        _folder.Write("generation_config.json", """{"is_multilingual": false}""");
        _folder.Manifest = _folder.Manifest with { Language = "en" };
        Script()
            .At(0, (_folder.Time(0), 0)).At(1, (_folder.Id(" Hello"), 0)).At(2, (_folder.Time(2), 0))
            .At(3, (_folder.Tokens.EndOfText, 0)).Write();
        using var model = _folder.Load();

        Assert.Equal("Hello", Assert.Single(Recognize(model, null).Words).Text);
        Assert.Equal("Hello", Assert.Single(Recognize(model, "en").Words).Text);
        Assert.Throws<MissingRequirementException>(() => Recognize(model, "vi"));
    }

    [Theory]
    [InlineData("transcribe", "Hello")]
    [InlineData("translate", "translated")]
    public void The_task_is_in_the_prompt(string task, string word)
    {
        _folder.Manifest = _folder.Manifest with { Whisper = _folder.Manifest.Whisper! with { Task = task } };
        Script().Says(_folder.Time(0), _folder.Id(" Hello"), _folder.Time(2))
            .Mark(_folder.Tokens.Translate!.Value, _folder.Id(" translated")).Write();
        using var model = _folder.Load();

        // What is translated is English.
        var result = Recognize(model, "vi");
        Assert.Equal((word, task == "translate" ? "en" : null), (result.Words[0].Text, result.Language));
    }

    [Theory]
    [InlineData(0.7, true, true)]
    [InlineData(0.5, true, false)]
    [InlineData(0.7, false, false)]
    public void Where_nobody_speaks_and_the_words_are_guesses_they_are_doubted(double noSpeech, bool guesses, bool silent)
    {
        // The probability of no speech comes from the position of <|startoftranscript|>.
        Script(guesses).At(0, (_folder.Tokens.NoSpeech!.Value, Math.Log(noSpeech)), (_folder.Id(" en"), Math.Log(1 - noSpeech)))
            .At(ScriptedDecoder.First, (_folder.Time(0), 0)).Write();
        using var model = _folder.Load();

        var result = Recognize(model, "en");

        Assert.NotEmpty(result.Words);
        Assert.Equal((silent ? "no_speech" : guesses ? "decoder_failed" : null, 0), (result.Doubt, result.DoubtFrom));

        ScriptedDecoder Script(bool guesses)
        {
            // All of 256 bytes alike is -5.5 a token.
            var script = new ScriptedDecoder(_folder);
            for (var position = 0; position < 10; position++)
            {
                script.At(ScriptedDecoder.First + 1 + position, guesses
                    ? [.. Enumerable.Range(33, 90).Select(id => (id, 0.0))] : [(_folder.Id(" Hello") + (position % 5), 0.0)]);
            }

            return script.At(ScriptedDecoder.First + 11, (_folder.Tokens.EndOfText, 0));
        }
    }

    [Theory]
    [InlineData(0.7, "no_speech", 1)]
    [InlineData(0.5, "decoder_failed", 3)]
    public void What_is_no_speech_is_not_continued(double noSpeech, string doubt, int words)
    {
        // Each window of the 5 s leaves the rest to the next, after a text that is one of 90 at each place.
        var script = Script()
            .At(0, (_folder.Tokens.NoSpeech!.Value, Math.Log(noSpeech)), (_folder.Id(" en"), Math.Log(1 - noSpeech)))
            .At(ScriptedDecoder.First, (_folder.Time(0), 0))
            .At(ScriptedDecoder.First + 11, (_folder.Time(2), 0)).At(ScriptedDecoder.First + 12, (_folder.Time(2), 0))
            .At(ScriptedDecoder.First + 13, (_folder.Tokens.EndOfText, 0));
        for (var position = 1; position < 11; position++)
        {
            script.At(ScriptedDecoder.First + position, [.. Enumerable.Range(33, 90).Select(id => (id, 0.0))]);
        }

        script.Write();
        using var model = _folder.Load();

        var result = Recognize(model, "en");

        Assert.Equal((doubt, 0, words), (result.Doubt, result.DoubtFrom, result.Words.Count));
    }

    [Fact]
    public void A_doubt_of_what_was_left_to_the_next_window_is_not_one_of_the_words_before()
    {
        var before = new RecognizedStretch([new Word("Hello", 0, 2, 1)], "en");
        var rest = new RecognizedStretch([new Word("so", 0, 1, 1), new Word("on", 1, 2, 1)], "vi", "no_speech", 1);

        var all = WhisperModel.Join(before, rest, 2);

        Assert.Equal([(0.0, 2.0), (2.0, 3.0), (3.0, 4.0)], all.Words.Select(word => (word.Start, word.End)));
        Assert.Equal(("en", "no_speech", 2), (all.Language, all.Doubt, all.DoubtFrom));
        Assert.Equal(("decoder_failed", 0), (WhisperModel.Join(before with { Doubt = "decoder_failed" }, rest, 2) is var both ? both.Doubt : null, both.DoubtFrom));
        Assert.Null(WhisperModel.Join(before, new RecognizedStretch([], Doubt: "no_speech"), 2).Doubt);
    }

    [Fact]
    public void Text_that_repeats_itself_is_tried_again_at_a_higher_temperature()
    {
        // Greedy decoding takes the same word forty times; by chance it is another one as often.
        var script = Script().At(ScriptedDecoder.First, (_folder.Time(0), 0));
        var random = new Random(3);
        for (var i = 0; i < 40; i++)
        {
            script.At(ScriptedDecoder.First + 1 + i, (_folder.Id("aaaa"), 0.01), (random.Next(33, 126), 0));
        }

        script.At(ScriptedDecoder.First + 41, (_folder.Tokens.EndOfText, 0)).Write();
        using var model = _folder.Load();

        var result = Recognize(model, "en");

        var text = string.Concat(result.Words.Select(word => word.Text));
        Assert.Null(result.Doubt);
        Assert.NotEqual("", text.Replace("a", "", StringComparison.Ordinal));
        Assert.Equal(text, string.Concat(Recognize(model, "en").Words.Select(word => word.Text)));
    }

    [Fact]
    public void What_repeats_itself_at_every_temperature_is_doubted()
    {
        Script().Says([_folder.Time(0), .. Enumerable.Repeat(_folder.Id("aaaa"), 60), _folder.Time(4)]).Write();
        using var model = _folder.Load();

        Assert.Equal("decoder_failed", Recognize(model, "en").Doubt);
    }

    [Fact]
    public void A_decoder_that_never_ends_is_stopped()
    {
        var script = Script().At(ScriptedDecoder.First, (_folder.Time(0), 0));
        for (var i = ScriptedDecoder.First + 1; i < 232; i++)
        {
            script.At(i, (_folder.Id("ld"), 0));
        }

        script.Write();
        using var model = _folder.Load();

        var result = Recognize(model, "en");

        // The first of the 224 is a timestamp.
        Assert.Equal(2 * (TokenDecoding.MaxTokens - 1), Assert.Single(result.Words).Text.Length);
        Assert.Equal("decoder_failed", result.Doubt);
    }

    [Theory]
    [InlineData(18, 15)]
    [InlineData(12, 12)]
    public void Cross_attention_gives_the_times_where_it_is_exported_within_those_of_the_timestamps(double end, double expected)
    {
        // A frame is half a second here, and each token looks at ten of them in turn; what follows the last at the last ten.
        _folder.Write("generation_config.json", """{"is_multilingual": true, "alignment_heads": [[0, 1]]}""");
        new ScriptedDecoder(_folder) { Attentions = true }
            .Says(_folder.Time(0), _folder.Id(" Hello"), _folder.Id(" wor"), _folder.Id("ld"), _folder.Time(end))
            .Looks(ScriptedDecoder.First + 1, 0, 10).Looks(ScriptedDecoder.First + 2, 10, 20)
            .Looks(ScriptedDecoder.First + 3, 20, 30).Looks(ScriptedDecoder.First + 4, 30, 40).Write();
        using var model = _folder.Load();

        var words = model.Recognize([Samples(20, 0.1f)], new RecognitionRequest("en"), CancellationToken.None)[0].Words;

        Assert.Equal(["Hello", "world"], words.Select(word => word.Text));
        Assert.Equal([0, 5], words.Select(word => word.Start), new Near());
        Assert.Equal([5, expected], words.Select(word => word.End), new Near());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Stretches_in_a_batch_are_recognised_as_if_alone(bool detect)
    {
        var tiny = new TinyDecoder(_folder.Tokens.Count, _folder.Tokens.EndOfText, _folder.Tokens.TimestampBegin);
        _folder.Write("decoder_model.onnx", tiny.Merged());
        var stretches = Enumerable.Range(0, 7).Select(i => i == 3 ? [] : Samples(3 + i, 0.05f * (i + 1))).ToList();
        var language = detect ? null : "en";
        using var one = _folder.Load();
        var alone = stretches.ConvertAll(stretch => one.Recognize([stretch], new RecognitionRequest(language), default)[0]);
        _folder.Manifest = _folder.Manifest with { Whisper = _folder.Manifest.Whisper! with { Batch = 4 } };
        using var four = _folder.Load();
        Assert.Equal((1, 4), (one.BatchSize, four.BatchSize));

        var together = four.Recognize(stretches, new RecognitionRequest(language), default);

        Assert.Equal(Text(alone), Text(together));
        Assert.Empty(together[3].Words);
        Assert.True(together.Select(result => result.Words.Count).Distinct().Count() > 3);

        static List<string> Text(IEnumerable<RecognizedStretch> results) =>
            [.. results.Select(result => $"{result.Language} {result.Doubt} {string.Join(" ", result.Words.Select(word => word.Text))}")];
    }

    [Fact]
    public void Float16_graphs_are_given_float16()
    {
        var tiny = new TinyDecoder(_folder.Tokens.Count, _folder.Tokens.EndOfText, _folder.Tokens.TimestampBegin, TensorElementType.Float16);
        _folder.Write("decoder_model.onnx", tiny.Merged());
        _folder.Write("encoder_model.onnx", WhisperFolder.Encoder(TensorElementType.Float16));
        using var model = _folder.Load();

        Assert.NotEmpty(Recognize(model, "en").Words);
    }

    [Fact]
    public void Cancellation_is_heard_before_the_decoder_runs()
    {
        Script().Says(_folder.Time(0), _folder.Id(" Hello"), _folder.Time(2)).Write();
        using var source = new CancellationTokenSource();
        using var model = WhisperModel.Load(
            _folder.Folder, _folder.Manifest, 1, new CudaSettings(), _ => new WhisperFolder.FakeFeatures(source.Cancel));

        Assert.Throws<OperationCanceledException>(() => model.Recognize([FiveSeconds], new RecognitionRequest("en"), source.Token));
    }

    [Fact]
    public void More_than_a_window_is_refused()
    {
        Script().Says(_folder.Time(0)).Write();
        using var model = _folder.Load();

        Assert.Throws<ArgumentException>(() => model.Recognize([Samples(30.1, 0.1f)], new RecognitionRequest("en"), default));
        Assert.Empty(model.Recognize([Samples(30, 0.1f)], new RecognitionRequest("en"), default)[0].Words);
    }

    [Fact]
    public void Scores_that_are_no_numbers_are_an_unusable_model()
    {
        Script().At(ScriptedDecoder.First, (_folder.Time(0), double.NaN)).Write();
        using var model = _folder.Load();

        Assert.Contains(
            "numbers", Assert.Throws<MissingRequirementException>(() => Recognize(model, "en")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_transcribe_activity_runs_a_folder_with_such_a_model()
    {
        Script().Says(_folder.Time(0.5), _folder.Id(" Hello"), _folder.Id(","), _folder.Time(2)).Write();
        _folder.Save();
        var (audio, output) = (Path.Combine(_folder.Folder, "part.wav"), Path.Combine(_folder.Folder, "words.json"));
        using (var writer = new WavWriter(audio, 16000))
        {
            writer.Write(new short[16000 * 8]);
        }

        using var model = SpeechModels.Load(_folder.Folder, 1);
        Assert.IsType<WhisperModel>(model);
        var facts = await Transcriber.TranscribeAsync(
            model, new TranscribeInput(new AudioPart(0, "part.wav", 10, 8, [new Interval(11, 16)]), audio, _folder.Folder, output, Language: "en"),
            new Progress<double>(), CancellationToken.None);

        Assert.Equal(1, facts.WordCount);
        var part = JsonSerializer.Deserialize<RecognizedPart>(await File.ReadAllBytesAsync(output), OmoaiJson.Compact)!;
        Assert.Equal(("Hello,", 11.5, 13.0), part.Words.Select(word => (word.Text, word.Start, word.End)).Single());
    }

    [Theory]
    [InlineData("tokenizer", "<|startoftranscript|>")]
    [InlineData("tokenizer json", "tokenizer.json")]
    [InlineData("generation json", "generation_config.json")]
    [InlineData("suppressed", "suppresses")]
    [InlineData("heads", "alignment heads")]
    [InlineData("rate", "sample rate")]
    [InlineData("confidence", "slope")]
    [InlineData("frames", "3000 frames")]
    [InlineData("batch", "batch")]
    [InlineData("task", "task")]
    [InlineData("language", "'xx'")]
    [InlineData("no language", "''")]
    [InlineData("not among its files", "other.onnx")]
    [InlineData("encoder", "input_features")]
    [InlineData("bins", "features")]
    [InlineData("few scores", "scores")]
    [InlineData("unknown input", "surprise")]
    [InlineData("no states", "encoder_hidden_states")]
    [InlineData("past alone", "encoder_hidden_states")]
    [InlineData("no past", "past keys and values")]
    [InlineData("no present", "present.0.decoder.key")]
    public void What_is_no_such_model_is_refused_when_it_is_loaded(string flaw, string named)
    {
        var (count, end, time) = (_folder.Tokens.Count, _folder.Tokens.EndOfText, _folder.Tokens.TimestampBegin);
        var tiny = new TinyDecoder(count, end, time);
        _folder.Write("decoder_model.onnx", tiny.WithoutPast());
        _folder.Write("decoder_with_past_model.onnx", tiny.WithPast());
        var whisper = _folder.Manifest.Whisper! with { DecoderWithPast = "decoder_with_past_model.onnx" };
        switch (flaw)
        {
            case "tokenizer":
                _folder.Write("tokenizer.json", Encoding.UTF8.GetString(WhisperFolder.TokenizerJson([])).Replace("startoftranscript", "start", StringComparison.Ordinal));
                break;
            case "tokenizer json":
                _folder.Write("tokenizer.json", """{"model": {"vocab": {"a": -1}}, "added_tokens": []}""");
                break;
            case "generation json":
                _folder.Write("generation_config.json", """{"suppress_tokens": ["a"]}""");
                break;
            case "suppressed":
                _folder.Write("generation_config.json", $$"""{"is_multilingual": true, "suppress_tokens": [{{count}}]}""");
                break;
            case "heads":
                _folder.Write("generation_config.json", """{"is_multilingual": true, "alignment_heads": [[-1, 0]]}""");
                break;
            case "rate":
                _folder.Manifest = _folder.Manifest with { SampleRate = 8000 };
                break;
            case "confidence":
                _folder.Manifest = _folder.Manifest with { Confidence = new ConfidenceSettings(0, 1) };
                break;
            case "frames":
                _folder.Manifest = _folder.Manifest with { Features = WhisperModel.Features(80) };
                _folder.Write("encoder_model.onnx", OpenEncoder(80, 2998));
                break;
            case "batch":
                whisper = whisper with { Batch = 65 };
                break;
            case "task":
                whisper = whisper with { Task = "summarise" };
                break;
            case "language":
                _folder.Manifest = _folder.Manifest with { Languages = ["en", "xx"] };
                break;
            case "no language":
                _folder.Manifest = _folder.Manifest with { Languages = [null!] };
                break;
            case "not among its files":
                whisper = whisper with { Encoder = "other.onnx" };
                break;
            case "encoder":
                whisper = whisper with { Encoder = "decoder_model.onnx" };
                break;
            case "bins":
                _folder.Write("encoder_model.onnx", OpenEncoder(128, "frames"));
                break;
            case "few scores":
                _folder.Write("decoder_model.onnx", new TinyDecoder(count - 1, end, time).WithoutPast());
                break;
            case "unknown input":
                _folder.Write("decoder_model.onnx", Trivial("surprise").ToModel());
                break;
            case "no states":
                _folder.Write("decoder_model.onnx", Trivial(null).ToModel());
                break;
            case "past alone":
                whisper = whisper with { Decoder = "decoder_with_past_model.onnx", DecoderWithPast = null };
                break;
            case "no past":
                whisper = whisper with { DecoderWithPast = "decoder_model.onnx" };
                break;
            case "no present":
                new ScriptedDecoder(_folder).Write();
                break;
        }

        _folder.Manifest = _folder.Manifest with { Whisper = whisper };

        var e = Assert.Throws<MissingRequirementException>(() => _folder.Load().Dispose());

        Assert.Contains(named, e.Message, StringComparison.Ordinal);

        OnnxGraph Trivial(string? name)
        {
            var graph = new OnnxGraph().Input("input_ids", TensorElementType.Int64, "batch", "length");
            return (name is null ? graph : graph.Input(name, TensorElementType.Float, "batch"))
                .Output("logits", TensorElementType.Float, "batch", "length", count)
                .Constant("scores", new float[1, count])
                .Node("Gather", ["scores", "input_ids"], ["logits"]);
        }
    }

    public void Dispose() => _folder.Dispose();

    private static float[] Samples(double seconds, float first)
    {
        var samples = new float[(int)(seconds * 16000)];
        samples[0] = first;
        return samples;
    }

    private static RecognizedStretch Recognize(WhisperModel model, string? language) =>
        Assert.Single(model.Recognize([FiveSeconds], new RecognitionRequest(language), CancellationToken.None));

    /// <summary>An encoder with other dimensions: every 50th frame, and its first bins.</summary>
    private static byte[] OpenEncoder(int bins, object frames) => new OnnxGraph()
        .Input("input_features", TensorElementType.Float, "batch_size", bins, frames)
        .Output("last_hidden_state", TensorElementType.Float, "batch_size", "states", WhisperFolder.Width)
        .Constant("start", 0, 0).Constant("end", WhisperFolder.Width, 3000).Constant("axes", 1, 2).Constant("steps", 1, 50)
        .Node("Slice", ["input_features", "start", "end", "axes", "steps"], ["every"])
        .Node("Transpose", ["every"], ["last_hidden_state"], ("perm", new[] { 0, 2, 1 }))
        .ToModel();

    private ScriptedDecoder Script() => new(_folder);

    private sealed class Near : IEqualityComparer<double>
    {
        public bool Equals(double x, double y) => Math.Abs(x - y) < 1e-9;

        public int GetHashCode(double value) => 0;
    }
}
