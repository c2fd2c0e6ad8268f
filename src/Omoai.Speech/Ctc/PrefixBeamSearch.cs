using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Omoai.Speech.Ctc;

/// <summary>
/// CTC prefix beam search (Hannun et al. 2014, arXiv:1408.2873): the text with the highest
/// ln Σ P(alignment) + Σ over words (weight · ln P(word | words before) + bonus) + what hot words get, where the first sum
/// is over all alignments that read as that text. A space ends a word, so none comes first or after another; after the last
/// word it reads as nothing. With a lexicon only its words are written. Where all prefixes fit into the beam, the result is
/// exact. Not thread-safe: it keeps its memory from one stretch of speech to the next.
/// </summary>
public sealed class PrefixBeamSearch
{
    /// <summary>Tokens less likely than this in a frame (6 in a million) begin nothing there.</summary>
    private const float Negligible = -12;

    private const int Root = 0;

    private readonly TokenList _tokens;
    private readonly int _beam;
    private readonly Lexicon? _lexicon;
    private readonly ArpaModel? _ngrams;
    private readonly double _weight;
    private readonly double _bonus;
    private readonly HotWords? _hotWords;

    /// <summary>Every prefix that was ever in the beam, once: its place here is its identity.</summary>
    private readonly List<Prefix> _prefixes = [];
    private readonly Dictionary<(int Parent, int Token), int> _ids = [];

    // Of the frame at hand: the beam, what may be the next one, and the best of those, worst first.
    private readonly List<Hypothesis> _hypotheses = [];
    private readonly List<Hypothesis> _candidates = [];
    private readonly PriorityQueue<int, double> _best = new();
    private readonly List<int> _likely = [];

    /// <param name="tokens">The tokens of the model.</param>
    /// <param name="beam">Prefixes kept from frame to frame, at least 1.</param>
    /// <param name="lexicon">The words that may be written; null for any.</param>
    /// <param name="ngrams">Scores the words; null for no scores.</param>
    /// <param name="weight">Multiplies the natural logarithm of a word's probability.</param>
    /// <param name="bonus">Added for each word, to balance what n-grams take from it; without n-grams nothing is.</param>
    /// <param name="hotWords">Phrases that are likelier than the model thinks; null for none.</param>
    public PrefixBeamSearch(
        TokenList tokens, int beam, Lexicon? lexicon = null, ArpaModel? ngrams = null, double weight = 0, double bonus = 0,
        HotWords? hotWords = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(beam, 1);
        (_tokens, _beam, _lexicon, _ngrams, _weight, _bonus, _hotWords) = (tokens, beam, lexicon, ngrams, weight, bonus, hotWords);
    }

    /// <summary>The best text of a stretch of speech, which begins a sentence for the n-grams.</summary>
    /// <returns>Token ids; where a token parts words, there is one between words, and none before the first or after the last.</returns>
    public int[] Decode(LogProbabilities logProbabilities)
    {
        _prefixes.Clear();
        _ids.Clear();
        _hypotheses.Clear();
        var start = _ngrams?.Start ?? 0;
        _prefixes.Add(new Prefix(-1, -1, false, Lexicon.Root, start, 0, _hotWords?.Start ?? 0) { Slot = 0, EndScore = 0, EndState = start });
        _hypotheses.Add(new Hypothesis(Root, -1, -1, Lexicon.Root, 0, double.NegativeInfinity));
        for (var frame = 0; frame < logProbabilities.Frames; frame++)
        {
            Advance(logProbabilities[frame]);
        }

        return Spell(Best());
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Advance(ReadOnlySpan<float> frame)
    {
        _likely.Clear();
        for (var token = 0; token < frame.Length; token++)
        {
            if (token != _tokens.Blank && frame[token] >= Negligible)
            {
                _likely.Add(token);
            }
        }

        _candidates.Clear();
        _best.Clear();
        foreach (var hypothesis in _hypotheses)
        {
            OfferUnchanged(hypothesis, frame);
        }

        foreach (var hypothesis in _hypotheses)
        {
            OfferLonger(hypothesis, frame);
        }

        foreach (var hypothesis in _hypotheses)
        {
            CollectionsMarshal.AsSpan(_prefixes)[hypothesis.Prefix].Slot = -1;
        }

        _hypotheses.Clear();
        foreach (var (index, _) in _best.UnorderedItems)
        {
            var candidate = _candidates[index];
            var id = candidate.Prefix >= 0 ? candidate.Prefix : Identify(candidate);
            CollectionsMarshal.AsSpan(_prefixes)[id].Slot = _hypotheses.Count;
            _hypotheses.Add(candidate with { Prefix = id });
        }
    }

    /// <summary>The prefix as it is: a blank, its last token again, or reached anew from its parent in the beam.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void OfferUnchanged(Hypothesis hypothesis, ReadOnlySpan<float> frame)
    {
        var prefix = _prefixes[hypothesis.Prefix];
        var total = hypothesis.Total;
        var ends = hypothesis.Prefix == Root ? double.NegativeInfinity : hypothesis.Ends + frame[prefix.Token];
        if (prefix.Parent >= 0 && _prefixes[prefix.Parent].Slot is >= 0 and var slot)
        {
            ends = LogAdd(ends, Follow(_hypotheses[slot], prefix.Token) + frame[prefix.Token]);
        }

        var next = new Hypothesis(
            hypothesis.Prefix, hypothesis.Parent, hypothesis.Token, hypothesis.Node, total + frame[_tokens.Blank], ends);
        Offer(next, next.Total + prefix.Language + prefix.Pending);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void OfferLonger(Hypothesis hypothesis, ReadOnlySpan<float> frame)
    {
        var prefix = _prefixes[hypothesis.Prefix];
        foreach (var token in _likely)
        {
            if (token == _tokens.Space && !prefix.InWord)
            {
                continue;
            }

            var parts = Parts(prefix, token);
            var ends = Follow(hypothesis, token) + frame[token];
            var score = ends + prefix.Language + (parts ? prefix.EndScore : 0);
            if (_hotWords is not null)
            {
                var (state, bonus) = _hotWords.After(prefix.Hot, token, parts);
                score += bonus + _hotWords.Pending(state);
            }

            if (!Wanted(score))
            {
                continue;
            }

            var node = _lexicon is null ? Lexicon.Root : _lexicon.Child(parts ? Lexicon.Root : prefix.Node, token);
            var known = _ids.TryGetValue((hypothesis.Prefix, token), out var id);
            if (node >= 0 && !(known && _prefixes[id].Slot >= 0))
            {
                Offer(
                    new Hypothesis(known ? id : -1, hypothesis.Prefix, token, node, double.NegativeInfinity, ends), score);
            }
        }
    }

    /// <summary>Whether a word of the prefix ends before a token.</summary>
    private bool Parts(in Prefix prefix, int token) => prefix.InWord && _tokens.PartsWords(prefix.Token, token);

    /// <summary>ln of the probability that a token can add itself to: only a blank parts it from an equal one.</summary>
    private static double Follow(Hypothesis hypothesis, int token) =>
        token == hypothesis.Token ? hypothesis.Blank : hypothesis.Total;

    private bool Wanted(double score) =>
        score > double.NegativeInfinity
        && (_best.Count < _beam || (_best.TryPeek(out _, out var worst) && score > worst));

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Offer(Hypothesis candidate, double score)
    {
        if (!Wanted(score))
        {
            return;
        }

        _candidates.Add(candidate);
        if (_best.Count < _beam)
        {
            _best.Enqueue(_candidates.Count - 1, score);
        }
        else
        {
            _best.DequeueEnqueue(_candidates.Count - 1, score);
        }
    }

    /// <summary>Gives a prefix that reached the beam for the first time its identity.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private int Identify(Hypothesis candidate)
    {
        var (id, parent) = (_prefixes.Count, _prefixes[candidate.Parent]);
        _ids.Add((candidate.Parent, candidate.Token), id);
        var parts = Parts(parent, candidate.Token);
        var inWord = _tokens.Letters(candidate.Token).Length > 0 || (parent.InWord && !parts);
        var (state, language) = parts ? (parent.EndState, parent.Language + parent.EndScore) : (parent.State, parent.Language);
        var (hot, bonus) = _hotWords?.After(parent.Hot, candidate.Token, parts) ?? (0, 0);
        _prefixes.Add(new Prefix(candidate.Parent, candidate.Token, inWord, candidate.Node, state, language + bonus, hot)
        {
            Pending = _hotWords?.Pending(hot) ?? 0,
        });

        ref var added = ref CollectionsMarshal.AsSpan(_prefixes)[id];
        if (!inWord || _lexicon is null || _lexicon.Word(candidate.Node) is not null)
        {
            (added.EndScore, added.EndState) = (0, state);
            if (_ngrams is not null && inWord)
            {
                var word = _lexicon is null ? _tokens.Text(Spell(id).AsSpan()[^WordLength(id)..]) : _lexicon.Word(candidate.Node)!;
                added.EndScore = (_weight * _ngrams.Score(state, _ngrams.WordId(word), out added.EndState)) + _bonus;
            }
        }

        return id;
    }

    /// <summary>The best prefix at whose end a word may end.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private int Best()
    {
        var (best, bestScore) = (Root, double.NegativeInfinity);
        var (longest, longestScore) = (Root, double.NegativeInfinity);
        foreach (var hypothesis in _hypotheses)
        {
            var prefix = _prefixes[hypothesis.Prefix];
            var total = hypothesis.Total;
            if (prefix.InWord)
            {
                total = LogAdd(total, WithSpace(hypothesis.Prefix));
            }

            var score = total + prefix.Language + prefix.EndScore
                + (prefix.InWord && _hotWords is not null ? _hotWords.AtEnd(prefix.Hot) : 0);
            if (score > bestScore)
            {
                (best, bestScore) = (hypothesis.Prefix, score);
            }

            if (total + prefix.Language > longestScore)
            {
                (longest, longestScore) = (hypothesis.Prefix, total + prefix.Language);
            }
        }

        if (double.IsNegativeInfinity(bestScore))
        {
            // Every prefix breaks off inside a word, as where the stretch does: what comes before that word remains.
            for (var length = WordLength(longest); length > 0; length--)
            {
                longest = _prefixes[longest].Parent;
            }

            best = longest;
        }

        return best;
    }

    /// <summary>The same text with a space after it reads the same, so its probability belongs to it.</summary>
    private double WithSpace(int prefix) =>
        _ids.TryGetValue((prefix, _tokens.Space), out var id) && _prefixes[id].Slot is >= 0 and var slot
            ? _hypotheses[slot].Total
            : double.NegativeInfinity;

    private int[] Spell(int prefix)
    {
        var sequence = new List<int>();
        for (var id = prefix; id != Root; id = _prefixes[id].Parent)
        {
            sequence.Add(_prefixes[id].Token);
        }

        sequence.Reverse();
        if (sequence.Count > 0 && sequence[^1] == _tokens.Space)
        {
            sequence.RemoveAt(sequence.Count - 1);
        }

        return [.. sequence];
    }

    /// <summary>Tokens of the word that isn't ended.</summary>
    private int WordLength(int prefix)
    {
        var length = 0;
        for (var id = prefix; _prefixes[id].InWord; id = _prefixes[id].Parent)
        {
            length++;
            if (Parts(_prefixes[_prefixes[id].Parent], _prefixes[id].Token))
            {
                break;
            }
        }

        return length;
    }

    private static double LogAdd(double a, double b)
    {
        var (high, low) = a > b ? (a, b) : (b, a);
        return double.IsNegativeInfinity(low) ? high : high + Math.Log(1 + Math.Exp(low - high));
    }

    /// <summary>A prefix of a text, whatever its probability.</summary>
    /// <param name="Parent">The prefix less its last token.</param>
    /// <param name="Token">The last token; -1 of the empty prefix.</param>
    /// <param name="InWord">It ends inside a word, or with one that hasn't been ended.</param>
    /// <param name="Node">Where that word is in the lexicon.</param>
    /// <param name="State">The n-grams' state after the words that are ended.</param>
    /// <param name="Language">What n-grams and bonus give those words, and what hot words get.</param>
    /// <param name="Hot">The hot words' state.</param>
    private record struct Prefix(int Parent, int Token, bool InWord, int Node, int State, double Language, int Hot)
    {
        /// <summary>Its place in the beam, or -1.</summary>
        public int Slot = -1;

        /// <summary>What hot words that aren't complete have got in advance.</summary>
        public double Pending;

        /// <summary>What n-grams and bonus give the last word if it ends here; minus infinity where it can't, 0 where none is open.</summary>
        public double EndScore = double.NegativeInfinity;

        /// <summary>The n-grams' state then.</summary>
        public int EndState;
    }

    /// <summary>A prefix in the beam, or one that may come there and then needs no <paramref name="Prefix"/> yet.</summary>
    /// <param name="Prefix">Its identity, or -1.</param>
    /// <param name="Parent">The identity of the prefix less its last token.</param>
    /// <param name="Token">The last token.</param>
    /// <param name="Node">Where it is in the lexicon.</param>
    /// <param name="Blank">ln of the probability of its alignments up to now that end with a blank.</param>
    /// <param name="Ends">The same of those that end with its last token.</param>
    private readonly record struct Hypothesis(int Prefix, int Parent, int Token, int Node, double Blank, double Ends)
    {
        /// <summary>The same of all; kept, for it is asked for with every token.</summary>
        public double Total { get; } = LogAdd(Blank, Ends);
    }
}
