using Omoai.Transcripts;
using Omoai.Transcripts.Activities;
using Omoai.Transcripts.Quality;

namespace Omoai.Speech.Guards;

/// <summary>
/// Finds words that a recogniser gave and that were probably never said: what it repeats without end, what nobody can say
/// in that time, what recognisers write where there is silence, and what the recogniser doubts itself. It looks at one
/// stretch of speech at a time. What people do say stays: "no no no", a refrain, a number.
/// </summary>
public static class InventionGuard
{
    public const string Repetition = "repetition";
    public const string SpeechRate = "speech_rate";
    public const string SilencePhrase = "silence_phrase";

    /// <summary>The reason of a recogniser that heard no speech.</summary>
    public const string NoSpeech = "no_speech";

    /// <summary>The fastest speakers say about 7 words (in Vietnamese, syllables) a second.</summary>
    public const double MaxWordsPerSecond = 10;

    /// <summary>And about 30 letters.</summary>
    public const double MaxLettersPerSecond = 40;

    /// <summary>Nobody draws a word out for longer; a recogniser that hears one in music does. Its times may be what is wrong.</summary>
    public const double MaxWordSeconds = 4;

    /// <summary>How often a group of words is said in a row at the least to be a repetition; by its length, from 1.</summary>
    private static readonly int[] MinRepeats = [8, 5, 4, 4, 3, 3, 3, 3];

    /// <summary>Applies all guards to a stretch.</summary>
    /// <param name="stretch">What was recognised; the words' times may start anywhere.</param>
    /// <param name="facts">What is known of its audio.</param>
    /// <param name="policy">Whether what was probably never said is left out. Where only the times can't be right, it is kept.</param>
    public static GuardedWords Apply(RecognizedStretch stretch, StretchFacts facts, SuspicionPolicy policy)
    {
        var words = stretch.Words;
        if (words.Count == 0)
        {
            return new GuardedWords([], []);
        }

        var texts = words.Select(word => Bare(word.Text)).ToArray();
        var findings = Repetitions(texts).Concat(Doubts(stretch)).ToList();
        // What is repeated, or no speech, says nothing about the rest.
        var rest = Enumerable.Range(0, words.Count)
            .Where(i => !findings.Any(finding => finding.Cut && i >= finding.From && i < finding.To)).ToArray();
        if (ReasonForAll(stretch, facts, rest, texts) is { } reason)
        {
            findings = [new Finding(reason, 0, words.Count, Cut: true)];
        }
        else
        {
            findings.AddRange(Rushes(words, rest, texts, facts));
            findings.AddRange(rest.Where(i => words[i].End - words[i].Start > MaxWordSeconds)
                .Select(i => new Finding(SpeechRate, i, i + 1, Cut: false)));
        }

        var cut = new bool[words.Count];
        if (policy == SuspicionPolicy.Cut)
        {
            foreach (var finding in findings.Where(finding => finding.Cut))
            {
                cut.AsSpan(finding.From, finding.To - finding.From).Fill(true);
            }
        }

        return new GuardedWords(
            [.. words.Where((_, i) => !cut[i])],
            [.. findings.OrderBy(finding => finding.From).Select(finding => new Suspicion(
                finding.Reason, words[finding.From].Start, words[finding.To - 1].End,
                string.Join(' ', words.Skip(finding.From).Take(finding.To - finding.From).Select(word => word.Text)),
                Kept: policy == SuspicionPolicy.Keep || !finding.Cut))]);
    }

    /// <summary>Why nothing of the stretch was said; null where something may have been.</summary>
    private static string? ReasonForAll(RecognizedStretch stretch, StretchFacts facts, int[] rest, string[] texts)
    {
        if (stretch is { Doubt: NoSpeech, DoubtFrom: 0 })
        {
            return NoSpeech;
        }

        string[] said = [.. rest.Select(i => texts[i])];
        if (SilencePhrases.Contains(
            said, facts with { IsDoubted = stretch is { Doubt: not null, DoubtFrom: 0 } }, rest.Average(i => stretch.Words[i].Confidence)))
        {
            return SilencePhrase;
        }

        return IsTooMuch(said, facts.Seconds) ? SpeechRate : null;
    }

    /// <summary>Groups of words that are said again and again; the first time isn't part of the finding.</summary>
    private static IEnumerable<Finding> Repetitions(string[] texts)
    {
        for (var at = 0; at < texts.Length;)
        {
            var end = at;
            for (var length = 1; length <= MinRepeats.Length && end == at; length++)
            {
                var same = at + length;
                while (same < texts.Length && texts[same] == texts[same - length])
                {
                    same++;
                }

                if (same - at >= length * MinRepeats[length - 1])
                {
                    // What is begun once more at the end goes with it.
                    yield return new Finding(Repetition, at + length, same, Cut: true);
                    end = same;
                }
            }

            at = Math.Max(end, at + 1);
        }
    }

    /// <summary>The recogniser's own: all but that of no speech say nothing about which words are wrong: some may well be right.</summary>
    private static Finding[] Doubts(RecognizedStretch stretch) =>
        stretch.Doubt is { } doubt ? [new Finding(doubt, stretch.DoubtFrom, stretch.Words.Count, Cut: doubt == NoSpeech)] : [];

    /// <summary>Words that lie in less time than they take. That may be the fault of the times, so that they are kept.</summary>
    private static IEnumerable<Finding> Rushes(IReadOnlyList<Word> words, int[] rest, string[] texts, StretchFacts facts)
    {
        var window = Math.Min(1, facts.Seconds);
        Finding? rush = null;
        for (int first = 0, end = 0; first < rest.Length; first++)
        {
            while (end < rest.Length && words[rest[end]].End - words[rest[first]].Start <= window)
            {
                end++;
            }

            if (end <= first || !IsTooMuch([.. rest[first..end].Select(i => texts[i])], window))
            {
                continue;
            }

            if (rush is not null && rest[first] >= rush.To)
            {
                yield return rush;
                rush = null;
            }

            rush = new Finding(SpeechRate, rush?.From ?? rest[first], rest[end - 1] + 1, Cut: false);
        }

        if (rush is not null)
        {
            yield return rush;
        }
    }

    /// <summary>Whether nobody can say these words in that time. Half a second is time for a few.</summary>
    private static bool IsTooMuch(string[] texts, double seconds)
    {
        seconds = Math.Max(seconds, 0.5);
        return texts.Length > MaxWordsPerSecond * seconds || texts.Sum(text => text.Length) > MaxLettersPerSecond * seconds;
    }

    /// <summary>A word without case and punctuation; a word of nothing else as it is.</summary>
    private static string Bare(string word) => new NormalizedText(word).ToString() is { Length: > 0 } bare ? bare : word;

    /// <param name="Reason">As in <see cref="Suspicion"/>.</param>
    /// <param name="From">Index of the first word.</param>
    /// <param name="To">One more than that of the last.</param>
    /// <param name="Cut">Whether they are left out where that is the policy.</param>
    private sealed record Finding(string Reason, int From, int To, bool Cut);
}

/// <summary>The words of a stretch that are left, and what was probably never said, both in order of time.</summary>
public sealed record GuardedWords(IReadOnlyList<Word> Words, IReadOnlyList<Suspicion> Suspicions);
