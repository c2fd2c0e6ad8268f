using Omoai.Language.Engines;
using Omoai.Language.Prompts;

namespace Omoai.Language.Punctuation.Llm;

/// <summary>The words [From, To) that a language model is given at once.</summary>
/// <param name="From">First word.</param>
/// <param name="To">After the last.</param>
/// <param name="Prompt">Null where no prompt of them has room in the model's context.</param>
internal sealed record PunctuationBatch(int From, int To, LlmPrompt? Prompt);

/// <summary>
/// Cuts a text into batches whose prompts and replies fit a model's context, at the longest pauses. A reply has room for half as many
/// tokens more than the words have, for marks and capitals, and some to spare.
/// </summary>
internal sealed class PunctuationBatches(ILanguageModel model, PromptTemplate template, string[] words, IReadOnlyList<float> pauses)
{
    /// <summary>Models drift in texts that are longer.</summary>
    public const int MaxWords = 400;

    private const int SpareTokens = 32;

    /// <summary>The batches of the whole text, in order; they touch.</summary>
    public IReadOnlyList<PunctuationBatch> Plan()
    {
        var costs = new Dictionary<string, int>(StringComparer.Ordinal);
        // Of a context c, with o tokens of instructions and n of words: o + n + 3n/2 + spare <= c.
        var budget = (model.ContextTokens - model.CountTokens(Fill("", 1)) - SpareTokens) * 2L / 5;
        if (budget < 1)
        {
            return words.Length == 0 ? [] : [new PunctuationBatch(0, words.Length, null)];
        }

        var batches = new List<PunctuationBatch>();
        for (int from = 0, to; from < words.Length; from = to)
        {
            var tokens = 0L;
            for (to = from; to < words.Length && to - from < MaxWords && (tokens += Cost(words[to])) <= budget;)
            {
                to++;
            }

            to = to == words.Length ? to : TaggingWindows.HandOver(pauses, from + ((to - from + 1) / 2), to);
            to = Math.Max(to, from + 1);
            var prompt = Prompt(from, to);
            // What words cost one by one is not quite what they cost together.
            while (prompt is null && to - from > 1)
            {
                to = from + ((to - from) / 2);
                prompt = Prompt(from, to);
            }

            if (prompt is null && batches is [.., { Prompt: null } before])
            {
                batches[^1] = before with { To = to };
            }
            else
            {
                batches.Add(new PunctuationBatch(from, to, prompt));
            }
        }

        return batches;

        int Cost(string word) => costs.TryGetValue(word, out var cost) ? cost : costs[word] = model.CountTokens(" " + word);
    }

    /// <summary>A batch in two, cut at the longest pause that is about in the middle; the shorter a text, the less it drifts.</summary>
    public IEnumerable<PunctuationBatch> Halve(PunctuationBatch batch)
    {
        var quarter = (batch.To - batch.From) / 4;
        var at = TaggingWindows.HandOver(pauses, batch.From + quarter, batch.To - quarter);
        return [new(batch.From, at, Prompt(batch.From, at)), new(at, batch.To, Prompt(at, batch.To))];
    }

    /// <summary>Null where it, with its reply, is longer than the context.</summary>
    private LlmPrompt? Prompt(int from, int to)
    {
        var text = string.Join(' ', words.Skip(from).Take(to - from).Where(HasLetters));
        var prompt = Fill(text, (model.CountTokens(text) * 3 / 2) + SpareTokens);
        return model.CountTokens(prompt) + (long)prompt.MaxReplyTokens <= model.ContextTokens ? prompt : null;
    }

    private LlmPrompt Fill(string text, int maxReplyTokens) =>
        template.Fill(maxReplyTokens, new Dictionary<string, string> { ["text"] = text }) with { Stops = ["</transcript>"] };

    private static bool HasLetters(string word) => word.EnumerateRunes().Any(WordPieces.IsLetter);
}
