using System.Text.Json;
using Omoai.Tests;
using Omoai.Transcripts;
using Omoai.Transcripts.Activities;
using Omoai.Transcripts.Models;

namespace Omoai.Speech.Tests;

public sealed class TranscriberTests : IDisposable
{
    private readonly ToneModel _tones = new();
    private readonly List<double> _progress = [];

    public void Dispose() => _tones.Dispose();

    [Fact]
    public async Task Words_have_times_of_the_recording()
    {
        // The part starts at 100 s; between the stretches is sound that isn't speech and must not be read.
        WriteWav(ToneModel.Sound("_ab_ccc_c b_"));
        var input = Input(100, new Interval(100.0, 100.4), new Interval(100.8, 101.2));

        var output = await TranscribeAsync(input);

        Assert.Equal(new TranscribeOutput(3, 3, 0.8, "tones", "en", output.ExecutionProvider, output.ExecutionProviderReason), output);
        Assert.NotEmpty(output.ExecutionProviderReason!);
        Assert.Contains(output.ExecutionProvider, new[] { "cpu", "cuda" });
        var part = Read(input.Output);
        Assert.Equal(3, part.Index);
        Assert.Equal(["ab", "c", "b"], part.Words.Select(word => word.Text));
        Assert.Equal(100.1, part.Words[0].Start, 0.05);
        Assert.Equal(100.3, part.Words[0].End, 0.05);
        Assert.Equal(100.8, part.Words[1].Start, 0.05);
        Assert.Equal(101.0, part.Words[2].Start, 0.05);
        Assert.Equal(101.1, part.Words[2].End, 0.05);
        Assert.Equal([0.5, 1.0], _progress);
    }

    [Fact]
    public async Task Words_are_in_order_and_inside_their_stretch()
    {
        // Sound from end to end, so that words reach both ends of odd stretches.
        WriteWav(ToneModel.Sound("ab abc a b c ab bc abca b"));
        Interval[] spans = [new(50.0001, 50.6173), new(50.6173, 51.2), new(51.5, 52.4999)];
        var input = Input(50, spans);

        await TranscribeAsync(input);

        var words = Read(input.Output).Words;
        Assert.True(words.Count > 3);
        Assert.All(words, word => Assert.Contains(spans, span => word.Start >= span.Start && word.End <= span.End));
        Assert.All(words, word => Assert.True(word.Start < word.End && word.Confidence is > 0 and <= 1));
        Assert.All(words.Zip(words.Skip(1)), pair => Assert.True(pair.First.End <= pair.Second.Start));
    }

    [Fact]
    public async Task Without_speech_or_with_stretches_of_no_length_to_speak_of_there_are_no_words()
    {
        WriteWav(ToneModel.Sound("abc"));
        var nothing = Input(0);
        Assert.Equal(0, (await TranscribeAsync(nothing)).WordCount);
        Assert.Empty(Read(nothing.Output).Words);

        var brief = Input(0, new Interval(0, 0.02), new Interval(0.1, 0.1004), new Interval(9, 9.5));
        Assert.Equal(0, (await TranscribeAsync(brief)).WordCount);
    }

    [Theory]
    [InlineData(SuspicionPolicy.Cut, 1)]
    [InlineData(SuspicionPolicy.Keep, 9)]
    public async Task What_is_said_again_and_again_is_listed_with_times_of_the_recording_and_cut_or_kept(SuspicionPolicy policy, int words)
    {
        WriteWav(ToneModel.Sound(string.Join(' ', Enumerable.Repeat("ab", 9)) + "_"));
        var input = Input(60, new Interval(60, 62.7)) with { Suspicious = policy };
        input = input with { Part = input.Part with { Channel = 1 } };

        await TranscribeAsync(input);

        var part = Read(input.Output);
        Assert.Equal(words, part.Words.Count);
        var suspicion = Assert.Single(part.Suspicions!);
        Assert.Equal(("repetition", policy == SuspicionPolicy.Keep, 1), (suspicion.Reason, suspicion.Kept, suspicion.Channel));
        Assert.Equal(60.3, suspicion.Start, 0.05);
        Assert.Equal(62.6, suspicion.End, 0.05);
    }

    [Fact]
    public async Task Hot_words_that_the_tokens_can_not_spell_are_listed()
    {
        WriteWav(ToneModel.Sound("_ab_"));
        var input = Input(0, new Interval(0, 0.4)) with { HotWords = ["cab", "x", "a 3"] };
        await TranscribeAsync(input);
        Assert.Equal(["x", "a 3"], Read(input.Output).IgnoredHotWords);
        await TranscribeAsync(input with { HotWords = null });
        Assert.Null(Read(input.Output).IgnoredHotWords);
    }

    [Fact]
    public async Task Words_come_in_order_of_time_whatever_stretches_ran_together()
    {
        WriteWav(ToneModel.Sound("abca_a_bc_"));
        var input = Input(0, new Interval(0, 0.5), new Interval(0.5, 0.7), new Interval(0.7, 1));
        await TranscribeAsync(input, new BatchingModel());

        var words = Read(input.Output).Words;
        Assert.Equal(["0.5", "0.2", "0.3"], words.Select(word => word.Text));
        Assert.Equal([0, 0.5, 0.7], words.Select(word => word.Start));
    }

    [Fact]
    public async Task The_language_is_that_of_most_of_the_speech()
    {
        WriteWav(ToneModel.Sound("abca_a_bc_"));
        var input = Input(0, new Interval(0, 0.5), new Interval(0.5, 0.7), new Interval(0.7, 1));
        var output = await TranscribeAsync(input, new BatchingModel(seconds => seconds > 0.4 ? "en" : "vi"));

        // 0.5 s of each: the first by name, so that it is always the same.
        Assert.Equal("en", output.Language);
        Assert.Equal("vi", (await TranscribeAsync(
            input with { Part = input.Part with { Speech = [new Interval(0.1, 0.5), new Interval(0.5, 0.7), new Interval(0.7, 1)] } },
            new BatchingModel(seconds => seconds > 0.39 ? "en" : "vi"))).Language);
    }

    [Fact]
    public async Task A_header_that_promises_too_much_and_chunks_before_the_data_are_no_trouble()
    {
        WriteWav(ToneModel.Sound("_ab_"), promised: uint.MaxValue, chunk: true);

        Assert.Equal(1, (await TranscribeAsync(Input(0, new Interval(0, 0.4)))).WordCount);
    }

    [Fact]
    public async Task Audio_of_another_rate_than_the_model_s_is_refused()
    {
        WriteWav(ToneModel.Sound("_ab_"), rate: 8000);

        var e = await Assert.ThrowsAsync<MissingRequirementException>(() => TranscribeAsync(Input(0, new Interval(0, 0.4))));

        Assert.Contains("8000", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(new byte[0])]
    [InlineData(new byte[] { 1, 2, 3 })]
    [InlineData(new byte[] { 82, 73, 70, 70, 0, 0, 0, 0, 87, 65, 86, 69, 100, 97, 116, 97, 4, 0, 0, 0, 1, 2, 3, 4 })]
    public async Task Audio_that_isnt_wav_is_refused(byte[] content)
    {
        await File.WriteAllBytesAsync(Audio, content);

        await Assert.ThrowsAsync<BadInputException>(() => TranscribeAsync(Input(0, new Interval(0, 0.4))));
    }

    [Fact]
    public async Task Stereo_is_refused()
    {
        WriteWav(ToneModel.Sound("_ab_"), channels: 2);

        await Assert.ThrowsAsync<BadInputException>(() => TranscribeAsync(Input(0, new Interval(0, 0.4))));
    }

    [Fact]
    public async Task Audio_that_isnt_there_is_refused() =>
        await Assert.ThrowsAsync<BadInputException>(() => TranscribeAsync(Input(0, new Interval(0, 0.4))));

    [Theory]
    [InlineData(0, 20.1)]
    [InlineData(0.5, 0.4)]
    [InlineData(-1, 0.4)]
    [InlineData(0, double.NaN)]
    public async Task Speech_that_isnt_a_stretch_is_refused(double start, double end)
    {
        WriteWav(ToneModel.Sound("_ab_"));

        await Assert.ThrowsAsync<BadInputException>(() => TranscribeAsync(Input(0, new Interval(start, end))));
    }

    [Fact]
    public async Task Cancelled_it_writes_nothing()
    {
        WriteWav(ToneModel.Sound("_ab_"));
        using var cancel = new CancellationTokenSource();
        var input = Input(0, new Interval(0, 0.2), new Interval(0.2, 0.4));
        var afterFirst = new Report(_ => cancel.Cancel());

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Transcriber.TranscribeAsync(input, afterFirst, cancel.Token));

        Assert.Equal(["model.json", "model.onnx", "part.wav", "tokens.txt"], Files());
    }

    [Fact]
    public async Task A_second_attempt_replaces_the_first_and_leaves_no_other_file()
    {
        WriteWav(ToneModel.Sound("_ab_"));
        var input = Input(0, new Interval(0, 0.4));
        await File.WriteAllTextAsync(input.Output, "half a resu");

        await TranscribeAsync(input);

        Assert.Equal("ab", Assert.Single(Read(input.Output).Words).Text);
        Assert.Equal(["model.json", "model.onnx", "part.wav", "tokens.txt", "words.json"], Files());
    }

    [Fact]
    public async Task The_demo_model_recognises_the_sample()
    {
        var wav = Path.Combine(TestPaths.Repository, "samples", "standup.wav");
        var seconds = (new FileInfo(wav).Length - 44) / 32000.0;
        // Pauses are in other places; cuts anywhere cost a few words.
        var spans = Enumerable.Range(0, (int)Math.Ceiling(seconds / 18))
            .Select(i => new Interval(i * 18, Math.Min((i + 1) * 18, seconds))).ToArray();
        var input = Input(0, spans) with { Audio = wav, ModelFolder = Path.Combine(TestPaths.Repository, "models", "demo-en", "speech") };

        await TranscribeAsync(input);

        var told = Read(input.Output).Words.Select(word => word.Text).ToList();
        var said = File.ReadAllText(Path.Combine(TestPaths.Repository, "samples", "standup.txt")).ToLowerInvariant()
            .Split([' ', '.', ',', '?', '\n'], StringSplitOptions.RemoveEmptyEntries);
        var (heard, all) = (said.Intersect(told).Count(), said.Distinct().Count());
        Assert.True(heard >= 0.85 * all, $"{heard} of {all}: {string.Join(' ', told)}");
        Assert.InRange(told.Count, said.Length * 0.9, said.Length * 1.1);
    }

    private string Audio => Path.Combine(_tones.Folder, "part.wav");

    private Task<TranscribeOutput> TranscribeAsync(TranscribeInput input, ISpeechModel model) =>
        Transcriber.TranscribeAsync(model, input, new Report(_progress.Add), CancellationToken.None);

    private Task<TranscribeOutput> TranscribeAsync(TranscribeInput input) =>
        Transcriber.TranscribeAsync(input, new Report(_progress.Add), CancellationToken.None);

    private TranscribeInput Input(double start, params Interval[] speech) =>
        new(new AudioPart(3, "part.wav", start, 30, speech), Audio, _tones.Folder, Path.Combine(_tones.Folder, "words.json"), 1);

    private IEnumerable<string?> Files() => Directory.EnumerateFiles(_tones.Folder).Select(Path.GetFileName).Order(StringComparer.Ordinal);

    private static RecognizedPart Read(string path) =>
        JsonSerializer.Deserialize<RecognizedPart>(File.ReadAllText(path), OmoaiJson.Compact)!;

    private void WriteWav(short[] samples, int rate = 16000, short channels = 1, uint? promised = null, bool chunk = false)
    {
        using var writer = new BinaryWriter(File.Create(Audio));
        writer.Write("RIFF\0\0\0\0WAVE"u8);
        if (chunk)
        {
            writer.Write("LIST\u0003\0\0\0abc\0"u8);
        }

        writer.Write("fmt \u0010\0\0\0"u8);
        writer.Write((short)1);
        writer.Write(channels);
        writer.Write(rate);
        writer.Write(rate * channels * 2);
        writer.Write((short)(channels * 2));
        writer.Write((short)16);
        writer.Write("data"u8);
        writer.Write(promised ?? (uint)(samples.Length * 2));
        foreach (var sample in samples)
        {
            writer.Write(sample);
        }
    }

    /// <summary>Reports at once, unlike <see cref="Progress{T}"/>.</summary>
    private sealed class Report(Action<double> action) : IProgress<double>
    {
        void IProgress<double>.Report(double value) => action(value);
    }

    /// <summary>Hears one word in each stretch, its length in seconds, and wants two together, the shorter one first.</summary>
    private sealed class BatchingModel(Func<double, string>? language = null) : ISpeechModel
    {
        public ModelManifest Manifest { get; } = new()
        {
            Schema = 1,
            Name = "batches",
            Kind = ModelKinds.SpeechCtc,
            Language = "mul",
            Licence = "MIT",
            SampleRate = 16000,
            Files = new Dictionary<string, ModelFile>(),
        };

        public string ExecutionProvider => "cpu";

        public string ExecutionProviderReason => "a test";

        public int BatchSize => 2;

        public IReadOnlyList<string> IgnoredOf(IReadOnlyList<string> hotWords) => [];

        public IReadOnlyList<RecognizedStretch> Recognize(
            IReadOnlyList<float[]> stretches, RecognitionRequest request, CancellationToken cancellationToken)
        {
            Assert.InRange(stretches.Count, 1, 2);
            Assert.Equal(stretches.OrderBy(samples => samples.Length), stretches);
            return
            [
                .. stretches.Select(samples => samples.Length / 16000.0).Select(seconds => new RecognizedStretch(
                    [new Word(FormattableString.Invariant($"{seconds:0.0}"), 0, seconds, 1)], language?.Invoke(seconds))),
            ];
        }

        public void Dispose()
        {
        }
    }
}
