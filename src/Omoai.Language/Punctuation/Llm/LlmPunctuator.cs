using Omoai.Language.Engines;
using Omoai.Language.Prompts;
using Omoai.Transcripts.Activities;

namespace Omoai.Language.Punctuation.Llm;

/// <summary>Words for which a language model's reply couldn't be used.</summary>
/// <param name="Reason">As in <see cref="Omoai.Transcripts.BatchFallback"/>.</param>
/// <param name="From">First word.</param>
/// <param name="To">After the last.</param>
internal sealed record UnusedReply(string Reason, int From, int To);

/// <summary>Words as a language model writes them.</summary>
/// <param name="Words">One for each that was recognised.</param>
/// <param name="Respelt">Those with other letters, in order.</param>
/// <param name="Batches">Stretches of words that the model was given.</param>
/// <param name="Fallbacks">Those of them that were written without it.</param>
/// <param name="UsedWords">Words in the others.</param>
/// <param name="SameWords">Those of <paramref name="UsedWords"/> that came back the same.</param>
/// <param name="Cost">What it took.</param>
/// <param name="Problem">What went wrong with the first reply that failed, for people.</param>
internal sealed record LlmPunctuation(
    IReadOnlyList<WrittenWord> Words, IReadOnlyList<Respelling> Respelt, int Batches, IReadOnlyList<UnusedReply> Fallbacks,
    int UsedWords, int SameWords, LlmCost Cost, string? Problem);

/// <summary>
/// Has a language model punctuate, and takes from its replies the case of the words, marks and paragraphs; never a word. A reply that
/// isn't what was asked for is asked for once more in two halves; then its words are written without the model.
/// </summary>
internal sealed class LlmPunctuator
{
    /// <summary>A reply that differs in a larger part of the words is another text.</summary>
    public const double MaxDrift = 0.25;

    /// <summary>A longer end that is missing was cut off: at least <see cref="MinTail"/> words and this part of them.</summary>
    private const double MaxTail = 0.1;

    private const int MinTail = 2;

    /// <summary>A batch of fewer words isn't halved.</summary>
    private const int WorthHalving = 16;

    private readonly string[] _words;
    private readonly IReadOnlyList<float> _pauses;
    private readonly int _maxSpellingEdits;
    private readonly Func<int, int, IReadOnlyList<WrittenWord>> _fallback;
    private readonly CancellationToken _cancellation;

    private readonly WrittenWord[] _written;
    private readonly List<Respelling> _respelt = [];
    private readonly List<UnusedReply> _fallbacks = [];
    private int _batches;
    private int _usedWords;
    private int _sameWords;
    private LlmCost _cost;
    private string? _problem;

    private LlmPunctuator(
        string[] words, IReadOnlyList<float> pauses, int maxSpellingEdits, Func<int, int, IReadOnlyList<WrittenWord>> fallback,
        CancellationToken cancellation)
    {
        (_words, _pauses, _maxSpellingEdits, _fallback, _cancellation) = (words, pauses, maxSpellingEdits, fallback, cancellation);
        _written = new WrittenWord[words.Length];
    }

    /// <summary>Punctuates.</summary>
    /// <param name="model">The language model.</param>
    /// <param name="settings">How it is used.</param>
    /// <param name="language">BCP 47 tag of the language spoken; null where nobody knows.</param>
    /// <param name="words">As recognised, in NFC, without marks; none is empty.</param>
    /// <param name="pauses">Seconds after each word.</param>
    /// <param name="fallback">Writes the words [first, end) without the model.</param>
    /// <param name="progress">Told the part that is done, 0 to 1, on any thread.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <exception cref="MissingRequirementException">As in <see cref="ILanguageModel.GenerateAsync"/>; the prompt can't be used.</exception>
    /// <exception cref="LanguageServerException">As in <see cref="ILanguageModel.GenerateAsync"/>.</exception>
    public static async Task<LlmPunctuation> PunctuateAsync(
        ILanguageModel model, LlmSettings settings, string? language, IReadOnlyList<string> words, IReadOnlyList<float> pauses,
        Func<int, int, IReadOnlyList<WrittenWord>> fallback, Action<double> progress, CancellationToken cancellation)
    {
        var template = PromptTemplate.Load(settings.PromptFolder, "punctuate", language);
        // Recognisers that write capitals alone say nothing by them.
        var capitals = !words.Any(word => word.EnumerateRunes().Any(System.Text.Rune.IsLower));
        string[] plain = [.. capitals ? words.Select(word => word.ToLowerInvariant()) : words];
        var punctuator = new LlmPunctuator(plain, pauses, settings.MaxSpellingEdits, fallback, cancellation);
        await punctuator.PunctuateAsync(model, new PunctuationBatches(model, template, plain, pauses), progress);
        return new LlmPunctuation(
            punctuator._written,
            [.. punctuator._respelt.OrderBy(change => change.Word).Select(change => change with { Recognised = words[change.Word] })],
            punctuator._batches, [.. punctuator._fallbacks.OrderBy(unused => unused.From)], punctuator._usedWords, punctuator._sameWords,
            punctuator._cost, punctuator._problem);
    }

    private async Task PunctuateAsync(ILanguageModel model, PunctuationBatches batches, Action<double> progress)
    {
        // The second time it is asked for halves, of which there are few as a rule.
        const double FirstRound = 0.9;
        var plan = batches.Plan();
        for (var round = 0; plan.Count > 0; round++)
        {
            LlmPrompt[] prompts = [.. plan.Select(batch => batch.Prompt).OfType<LlmPrompt>()];
            var (from, part) = round == 0 ? (0, FirstRound) : (FirstRound, 1 - FirstRound);
            var replies = prompts.Length == 0
                ? []
                : await model.GenerateAsync(prompts, answered => progress(from + (part * answered / prompts.Length)), _cancellation);
            _cost += LlmCost.Of(replies);
            var next = 0;
            var again = new List<PunctuationBatch>();
            foreach (var batch in plan)
            {
                _cancellation.ThrowIfCancellationRequested();
                var reply = batch.Prompt is null ? null : replies[next++];
                var unused = reply is null ? "failed" : Use(batch, reply);
                if (unused is not (null or "failed") && round == 0 && batch.To - batch.From >= WorthHalving)
                {
                    again.AddRange(batches.Halve(batch));
                    continue;
                }

                _batches++;
                if (unused is not null)
                {
                    _problem ??= reply?.Problem ?? (reply is null ? "The prompt has no room in the model's context." : null);
                    _fallbacks.Add(new UnusedReply(unused, batch.From, batch.To));
                    Write(batch.From, _fallback(batch.From, batch.To));
                }
            }

            plan = again;
        }
    }

    /// <summary>Writes the words of a batch as its reply has them.</summary>
    /// <returns>Why it can't be used; null where it could.</returns>
    private string? Use(PunctuationBatch batch, LlmReply reply)
    {
        var words = new RecognisedWords(_words[batch.From..batch.To]);
        var count = words.Pieces.Count;
        if (reply.End == ReplyEnd.Failed)
        {
            return "failed";
        }

        // So long a text is another one, whatever it says, and would take long to align.
        var longest = 64 + (8L * words.Texts.Sum(word => word.Length + 1));
        if (reply.Text.Length > longest)
        {
            return reply.End == ReplyEnd.Cut ? "cut" : "drifted";
        }

        if (reply.End == ReplyEnd.Cut)
        {
            return "cut";
        }

        var written = ReplyReader.Read(reply.Text);
        if (written.Count == 0 && count > 0)
        {
            return "empty";
        }

        if (written.Count > 64 + (4 * count))
        {
            return "drifted";
        }

        var alignment = ReplyAlignment.Align(
            [.. words.Pieces.Select(piece => piece.Key)], [.. written.Select(word => word.Key)], _cancellation);
        var (edits, tail) = (alignment.Edits, alignment.Tail);
        if (tail < count && tail > Math.Max(MinTail, MaxTail * count) && edits - tail <= MaxDrift * (count - tail))
        {
            return "cut";
        }

        if (edits > MaxDrift * count)
        {
            return "drifted";
        }

        var (merged, respelt) = ReplyMerger.Merge(
            words, [.. _pauses.Skip(batch.From).Take(batch.To - batch.From)], written, alignment.Links, _maxSpellingEdits);
        Write(batch.From, merged);
        _respelt.AddRange(respelt.Select(change => change with { Word = batch.From + change.Word }));
        _usedWords += merged.Count;
        _sameWords += merged.Count - words.Pieces.Select(piece => piece.Word).Distinct().Count() + Same(words, alignment);
        return null;
    }

    /// <summary>Words all of whose pieces came back; those without any are counted apart.</summary>
    private static int Same(RecognisedWords words, ReplyAlignment alignment)
    {
        var back = new bool[words.Pieces.Count];
        foreach (var link in alignment.Links.Where(link => link.Same))
        {
            Array.Fill(back, true, link.From, link.To - link.From);
        }

        return words.Pieces.Select((piece, i) => (piece.Word, Back: back[i])).GroupBy(piece => piece.Word)
            .Count(word => word.All(piece => piece.Back));
    }

    private void Write(int from, IReadOnlyList<WrittenWord> words)
    {
        for (var i = 0; i < words.Count; i++)
        {
            _written[from + i] = words[i];
        }
    }
}
