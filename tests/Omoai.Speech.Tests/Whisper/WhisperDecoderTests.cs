using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using Omoai.Speech.Whisper;
using Omoai.Transcripts.Activities;

namespace Omoai.Speech.Tests.Whisper;

/// <summary>
/// The three shapes of export against a plain loop: the decoder without a cache, the whole prefix again for each token, one
/// stretch at a time.
/// </summary>
public sealed class WhisperDecoderTests : IDisposable
{
    private const int Inputs = 40;

    /// <summary>What the plain loop writes; it takes its time.</summary>
    private static readonly Lazy<IReadOnlyList<(List<int> Tokens, double Sum)>> Plain = new(() =>
    {
        using var tests = new WhisperDecoderTests();
        using var plain = new PlainLoop(tests._folder, tests.Tiny());
        return [.. Enumerable.Range(0, Inputs).Select(seed => plain.Decode(States(seed), tests.Prompt(seed)))];
    });

    private readonly WhisperFolder _folder = new(" the", " a");

    public enum Export
    {
        Alone,
        Pair,
        PairWithStates,
        PairWithPositions,
        Merged,
        MergedWithPositions,
    }

    [Theory]
    [InlineData(Export.Alone)]
    [InlineData(Export.Pair)]
    [InlineData(Export.PairWithStates)]
    [InlineData(Export.PairWithPositions)]
    [InlineData(Export.Merged)]
    [InlineData(Export.MergedWithPositions)]
    public void Greedy_decoding_writes_what_the_plain_loop_writes(Export export)
    {
        using var decoder = Load(export);
        var decoding = Decoding(decoder);
        foreach (var (seed, expected) in Plain.Value.Index())
        {
            using var run = decoder.Begin([States(seed)], WhisperFolder.EncoderFrames);
            using var start = run.Start([Prompt(seed)]);
            var actual = decoding.Greedy(run, start, CancellationToken.None)[0];

            Assert.Equal(expected.Tokens, actual.Tokens);
            Assert.Equal(expected.Sum / (expected.Tokens.Count + 1), actual.AverageLogProbability, 1e-3);
        }

        // They are worth something only if they end at different places.
        Assert.True(Plain.Value.Select(row => row.Tokens.Count).Distinct().Count() > 10);
        Assert.Contains(Plain.Value, row => row.Tokens.Count > 100);
    }

    [Theory]
    [InlineData(Export.Alone)]
    [InlineData(Export.Pair)]
    [InlineData(Export.Merged)]
    public void Rows_of_a_batch_are_decoded_as_if_alone(Export export)
    {
        using var decoder = Load(export);
        var decoding = Decoding(decoder);
        var states = Enumerable.Range(0, 7).Select(States).ToList();

        using var run = decoder.Begin(states, WhisperFolder.EncoderFrames);
        using var start = run.Start([.. states.Select((_, i) => Prompt(i))]);
        var together = decoding.Greedy(run, start, CancellationToken.None);

        for (var i = 0; i < states.Count; i++)
        {
            using var alone = decoder.Begin([states[i]], WhisperFolder.EncoderFrames);
            using var first = alone.Start([Prompt(i)]);
            Assert.Equal(decoding.Greedy(alone, first, CancellationToken.None)[0].Tokens, together[i].Tokens);
        }
    }

    [Fact]
    public void Trying_again_costs_a_row_for_each_sample_and_ends_with_the_budget()
    {
        // The word that goes on for ever is likelier than all others by e to 300, so that no temperature changes it.
        var script = new ScriptedDecoder(_folder).At(ScriptedDecoder.First, (_folder.Time(0), 300));
        for (var position = ScriptedDecoder.First + 1; position < 232; position++)
        {
            script.At(position, (_folder.Id(" the"), 300));
        }

        script.Write();
        using var decoder = WhisperDecoder.Load(
            _folder.Folder, _folder.Manifest, _folder.Manifest.Whisper!, [], _folder.Tokens.Count, 1, new CudaSettings());
        var decoding = Decoding(decoder);
        using var run = decoder.Begin([.. Enumerable.Repeat(States(0), TokenDecoding.BestOf)], WhisperFolder.EncoderFrames);
        using var start = run.Start([.. Enumerable.Repeat(Prompt(0), TokenDecoding.BestOf)]);
        var greedy = decoding.Greedy(run, start, CancellationToken.None)[0];
        var (all, one, none) = (new StepBudget(), new StepBudget { Left = TokenDecoding.MaxTokens }, new StepBudget { Left = TokenDecoding.MaxTokens - 1 });

        var last = decoding.FallBack(run, start, greedy, 0, all, CancellationToken.None);

        // The first token comes from the prompt's step.
        Assert.False(last.IsSound);
        Assert.Equal(4, (new StepBudget().Left - all.Left) / (TokenDecoding.MaxTokens - 1));
        Assert.NotSame(greedy, decoding.FallBack(run, start, greedy, 0, one, CancellationToken.None));
        Assert.Equal(1, one.Left);
        Assert.Same(greedy, decoding.FallBack(run, start, greedy, 0, none, CancellationToken.None));
    }

    [Theory]
    [InlineData(Export.Pair)]
    [InlineData(Export.Merged)]
    public void A_step_can_be_continued_again_and_a_prompt_can_come_token_by_token(Export export)
    {
        using var decoder = Load(export);
        var decoding = Decoding(decoder);
        using var run = decoder.Begin([States(3)], WhisperFolder.EncoderFrames);
        using var start = run.Start([Prompt(0)]);
        var once = decoding.Greedy(run, start, CancellationToken.None)[0];
        var again = decoding.Greedy(run, start, CancellationToken.None)[0];
        using var first = run.Start([Prompt(0)[..1]]);
        using var second = run.Next(first, [Prompt(0)[1]]);
        using var third = run.Next(second, [Prompt(0)[2]]);

        Assert.Equal(once.Tokens, again.Tokens);
        Assert.Equal(once.Tokens, decoding.Greedy(run, third, CancellationToken.None)[0].Tokens);
    }

    [Theory]
    [InlineData(Export.Pair, false)]
    [InlineData(Export.Merged, false)]
    [InlineData(Export.Pair, true)]
    [InlineData(Export.Merged, true)]
    public void Fewer_bits_give_the_scores_of_the_plain_loop(Export export, bool int8)
    {
        using var decoder = int8 ? Load(export, int8: true) : Load(export, TensorElementType.Float16);
        using var plain = new PlainLoop(_folder, Tiny());
        var states = States(0);
        var tokens = Plain.Value[0].Tokens;
        Assert.True(tokens.Count > 5);

        using var run = decoder.Begin([states], WhisperFolder.EncoderFrames);
        var step = run.Start([Prompt(0)]);
        List<int> prefix = [.. Prompt(0)];
        foreach (var token in tokens)
        {
            // Half precision has 11 bits; the last layer of 8 bits has half a 16th of error in each of 16 weights.
            Assert.All(plain.Scores(states, prefix).Zip(step.Logits[0]), pair => Assert.Equal(pair.First, pair.Second, 0.75));
            prefix.Add(token);
            var next = run.Next(step, [token]);
            step.Dispose();
            step = next;
        }

        step.Dispose();
    }

    [Theory]
    [InlineData(Export.Alone)]
    [InlineData(Export.Pair)]
    [InlineData(Export.Merged)]
    public void Attention_is_that_of_the_last_token(Export export)
    {
        // A row for each token from every step, and the plain loop's last row.
        using var decoder = Load(export, attentions: true, heads: [new(1, 0), new(0, 1)]);
        using var plain = new PlainLoop(_folder, Tiny(attentions: true));
        var states = States(2);

        using var run = decoder.Begin([States(1), states], WhisperFolder.EncoderFrames);
        using var start = run.Start([Prompt(0), Prompt(0)]);
        using var next = run.Next(start, [_folder.Time(0), _folder.Time(0.5)]);

        Assert.Equal(2, decoder.HeadCount);
        AssertClose(plain.Attention(states, Prompt(0), (1, 0), (0, 1)), start.Attention[1]);
        AssertClose(plain.Attention(states, [.. Prompt(0), _folder.Time(0.5)], (1, 0), (0, 1)), next.Attention[1]);

        static void AssertClose(float[] expected, float[] actual) =>
            Assert.All(expected.Zip(actual, (a, b) => Math.Abs(a - b)), difference => Assert.InRange(difference, 0, 1e-5));
    }

    public void Dispose() => _folder.Dispose();

    private static float[] States(int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, WhisperFolder.EncoderFrames * WhisperFolder.Width).Select(_ => (random.NextSingle() * 4) - 2)];
    }

    private int[] Prompt(int seed) =>
    [
        _folder.Tokens.StartOfTranscript, _folder.Language(WhisperFolder.Languages[seed % WhisperFolder.Languages.Length]),
        _folder.Tokens.Transcribe!.Value,
    ];

    private TinyDecoder Tiny(
        Export export = Export.Alone, TensorElementType type = TensorElementType.Float, bool attentions = false, bool int8 = false) =>
        new(_folder.Tokens.Count, _folder.Tokens.EndOfText, _folder.Tokens.TimestampBegin, type)
        {
            CachePosition = export is Export.PairWithPositions or Export.MergedWithPositions,
            StatesWithPast = export == Export.PairWithStates,
            Attentions = attentions,
            Int8 = int8,
        };

    private TokenDecoding Decoding(WhisperDecoder decoder) => new(decoder, _folder.Tokens, new LogitRules(_folder.Tokens, PlainLoop.Suppressed));

    private WhisperDecoder Load(
        Export export, TensorElementType type = TensorElementType.Float, bool attentions = false, bool int8 = false,
        params AttentionHead[] heads)
    {
        var tiny = Tiny(export, type, attentions, int8);
        var merged = export is Export.Merged or Export.MergedWithPositions;
        _folder.Write("decoder_model.onnx", merged ? tiny.Merged() : tiny.WithoutPast());
        if (!merged && export != Export.Alone)
        {
            _folder.Write("decoder_with_past_model.onnx", tiny.WithPast());
            _folder.Manifest = _folder.Manifest with
            {
                Whisper = _folder.Manifest.Whisper! with { DecoderWithPast = "decoder_with_past_model.onnx" },
            };
        }

        return WhisperDecoder.Load(_folder.Folder, _folder.Manifest, _folder.Manifest.Whisper!, heads, _folder.Tokens.Count, 1, new CudaSettings());
    }

    /// <summary>The rules and the loop as they are told, without a cache.</summary>
    private sealed class PlainLoop(WhisperFolder folder, TinyDecoder tiny) : IDisposable
    {
        /// <summary>What the model may not write.</summary>
        public static readonly int[] Suppressed = [3, 40, 41, 97];

        private readonly InferenceSession _session = new(tiny.WithoutPast());

        public (List<int> Tokens, double Sum) Decode(float[] states, int[] prompt)
        {
            var (tokens, written, sum) = (folder.Tokens, new List<int>(), 0.0);
            while (written.Count < TokenDecoding.MaxTokens)
            {
                var scores = Scores(states, [.. prompt, .. written]);
                var times = written.Where(tokens.IsTimestamp).ToList();
                var open = times.Count % 2 == 1;
                var afterTime = written.Count > 0 && tokens.IsTimestamp(written[^1]);
                bool May(int id) =>
                    tokens.IsTimestamp(id)
                        ? written.Count == 0 ? id <= tokens.TimestampBegin + 50
                            : !(open && afterTime) && id >= times[^1] + (afterTime ? 0 : 1)
                        : written.Count > 0 && id <= tokens.EndOfText && !Suppressed.Contains(id)
                            && (id == tokens.EndOfText || open || !afterTime);
                var may = Enumerable.Range(0, scores.Length).Where(May).ToList();
                var all = may.Sum(id => Math.Exp(scores[id]));
                var time = may.Where(tokens.IsTimestamp).Sum(id => Math.Exp(scores[id]));
                if (time > may.Where(id => !tokens.IsTimestamp(id)).Select(id => Math.Exp(scores[id])).DefaultIfEmpty(0).Max())
                {
                    (may, all) = (may.Where(tokens.IsTimestamp).ToList(), time);
                }

                var best = may.MaxBy(id => scores[id]);
                sum += scores[best] - Math.Log(all);
                if (best == tokens.EndOfText)
                {
                    break;
                }

                written.Add(best);
            }

            return (written, sum);
        }

        public float[] Scores(float[] states, List<int> prefix) =>
            Run(states, prefix, "logits", logits => logits.GetTensorDataAsSpan<float>()[^folder.Tokens.Count..].ToArray());

        public float[] Attention(float[] states, int[] prefix, params (int Layer, int Head)[] heads) =>
        [
            .. heads.SelectMany(at => Run(states, [.. prefix], $"cross_attentions.{at.Layer}", weights =>
                weights.GetTensorDataAsSpan<float>().Slice(
                    ((at.Head * prefix.Length) + prefix.Length - 1) * WhisperFolder.EncoderFrames, WhisperFolder.EncoderFrames).ToArray())),
        ];

        public void Dispose() => _session.Dispose();

        private float[] Run(float[] states, List<int> prefix, string output, Func<OrtValue, float[]> read)
        {
            using var ids = OrtValue.CreateTensorValueFromMemory(prefix.Select(id => (long)id).ToArray(), [1, prefix.Count]);
            using var encoded = OrtValue.CreateTensorValueFromMemory(states, [1, WhisperFolder.EncoderFrames, WhisperFolder.Width]);
            using var options = new RunOptions();
            using var outputs = _session.Run(options, ["input_ids", "encoder_hidden_states"], [ids, encoded], [output]);
            return read(outputs[0]);
        }
    }
}
