using System.Globalization;
using System.Text;
using Omoai.Transcripts;
using Omoai.Transcripts.Normalization;

namespace Omoai.Speech.Whisper;

/// <summary>Tokens to words with times and confidence.</summary>
internal static class TokenWords
{
    /// <summary>The languages, in Whisper's codes, that put no spaces between words.</summary>
    private static readonly HashSet<string> Unspaced = ["zh", "ja", "th", "lo", "my", "yue"];

    /// <summary>The words of one stretch.</summary>
    /// <param name="hypothesis">What was written.</param>
    /// <param name="tokens">The model's tokens.</param>
    /// <param name="language">The language in Whisper's codes.</param>
    /// <param name="duration">The stretch's length, seconds.</param>
    /// <param name="heads">The heads of <see cref="Hypothesis.Attention"/>; 0 without: times are then those of the timestamps, and
    /// words between two share the time by their lengths.</param>
    /// <param name="frameSeconds">The time from one of its frames to the next.</param>
    /// <returns>In order; times within the stretch.</returns>
    public static List<Word> Of(
        Hypothesis hypothesis, WhisperTokens tokens, string language, double duration, int heads = 0, double frameSeconds = 0)
    {
        var begins = heads > 0 ? Begins(hypothesis, tokens, duration, heads, frameSeconds) : null;
        var words = new List<Word>();
        foreach (var segment in Segments(hypothesis.Tokens, tokens, duration))
        {
            var pieces = Split(hypothesis.Tokens, segment.First, segment.End, tokens, Unspaced.Contains(language));
            var (length, done) = (pieces.Sum(piece => piece.Text.Length), 0);
            foreach (var (text, first, last) in pieces)
            {
                // The end of the last word of a segment is where the next is seen to begin, which may be after a silence.
                var (from, to) = begins is null
                    ? (At(done), At(done + text.Length))
                    : (Math.Clamp(begins[first], segment.From, segment.To), Math.Clamp(begins[last + 1], segment.From, segment.To));
                done += text.Length;
                var confidence = Math.Exp(Enumerable.Range(first, last - first + 1).Average(i => hypothesis.LogProbabilities[i]));
                words.Add(new Word(Nfc.Normalize(text), from, to, confidence));
            }

            double At(int characters) => segment.From + ((segment.To - segment.From) * characters / length);
        }

        return words;
    }

    /// <summary>The text between timestamps; what no timestamp closes goes on to the end of the stretch.</summary>
    private static IEnumerable<(int First, int End, double From, double To)> Segments(
        IReadOnlyList<int> written, WhisperTokens tokens, double duration)
    {
        var (first, from) = (0, 0.0);
        for (var i = 0; i <= written.Count; i++)
        {
            if (i < written.Count && !tokens.IsTimestamp(written[i]))
            {
                continue;
            }

            var time = i < written.Count ? Math.Min(tokens.SecondsOf(written[i]), duration) : duration;
            if (i > first)
            {
                yield return (first, i, from, time);
            }

            (first, from) = (i + 1, time);
        }
    }

    /// <summary>For each token, and what follows the last, when it begins as attention has it; seconds.</summary>
    private static double[] Begins(Hypothesis hypothesis, WhisperTokens tokens, double duration, int heads, double frameSeconds)
    {
        var begins = new double[hypothesis.Tokens.Count + 1];
        var rows = Enumerable.Range(0, hypothesis.Tokens.Count).Where(i => !tokens.IsTimestamp(hypothesis.Tokens[i])).ToList();

        // What was written after the last word shows where that ends.
        if (rows.Count > 0 && rows[^1] + 1 < hypothesis.Attention.Count)
        {
            rows.Add(rows[^1] + 1);
        }

        var stride = hypothesis.Attention[0].Length / heads;
        var frames = Math.Clamp((int)Math.Ceiling(duration / frameSeconds), 1, stride);
        var first = AttentionAlignment.FirstFrames([.. rows.Select(i => hypothesis.Attention[i])], heads, frames);
        var next = duration;
        for (var (i, row) = (begins.Length - 1, rows.Count - 1); i >= 0; i--)
        {
            if (row >= 0 && rows[row] == i)
            {
                next = Math.Min(first[row--] * frameSeconds, duration);
            }

            // A timestamp is where the word after it begins.
            begins[i] = next;
        }

        return begins;
    }

    /// <summary>
    /// The words of a run of text tokens, with their first and last token: what white space parts; in languages without it
    /// the smallest runs of tokens that are whole characters, but for Latin letters and digits, which stay together, and for
    /// marks and punctuation, which stay with what is before.
    /// </summary>
    private static List<(string Text, int First, int Last)> Split(
        IReadOnlyList<int> written, int first, int end, WhisperTokens tokens, bool unspaced)
    {
        var bytes = new List<byte>();
        var tokenOf = new List<int>();
        for (var i = first; i < end; i++)
        {
            foreach (var value in tokens.TextOf(written[i]))
            {
                bytes.Add(value);
                tokenOf.Add(i);
            }
        }

        var words = new List<(string Text, int First, int Last)>();
        var word = new StringBuilder();
        var (begin, last, before) = (0, -1, default(Rune));
        ReadOnlySpan<byte> rest = bytes.ToArray();
        for (var at = 0; !rest.IsEmpty;)
        {
            // Bytes that are no character become U+FFFD.
            _ = Rune.DecodeFromUtf8(rest, out var rune, out var length);
            var space = Rune.IsWhiteSpace(rune) || Rune.IsControl(rune);
            if (space || (unspaced && word.Length > 0 && tokenOf[at] != last && !Joins(before, rune)))
            {
                Flush();
            }

            if (!space)
            {
                begin = word.Length == 0 ? tokenOf[at] : begin;
                last = tokenOf[at + length - 1];
                word.Append(rune.ToString());
                before = rune;
            }

            at += length;
            rest = rest[length..];
        }

        Flush();
        return words;

        void Flush()
        {
            if (word.Length > 0)
            {
                words.Add((word.ToString(), begin, last));
                word.Clear();
            }
        }
    }

    private static bool Joins(Rune before, Rune next) => Rune.GetUnicodeCategory(next) switch
    {
        UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark => true,
        UnicodeCategory.OpenPunctuation or UnicodeCategory.InitialQuotePunctuation => false,
        _ when Rune.GetUnicodeCategory(before) is UnicodeCategory.OpenPunctuation or UnicodeCategory.InitialQuotePunctuation => true,
        _ => Rune.IsPunctuation(next) || (IsLatin(before) && IsLatin(next)),
    };

    private static bool IsLatin(Rune rune) => rune.Value is < 0x250 or (>= 0x1E00 and < 0x1F00) && Rune.IsLetterOrDigit(rune);
}
