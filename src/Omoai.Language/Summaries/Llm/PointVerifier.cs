using System.Collections.Frozen;
using Omoai.Transcripts;

namespace Omoai.Language.Summaries.Llm;

/// <summary>
/// Holds key points to the segments that they cite. A point is borne out when half of its content words, and two at least, are in those
/// segments by their stems, and every number and every name is; and when it doesn't deny what nothing there denies, or repeat without the
/// denial what is denied there. That is a check of words, not of meaning: docs/language.md says what it doesn't see.
/// </summary>
internal sealed class PointVerifier
{
    /// <summary>The part of a point's content words that its segments must have, and how many, where it has as many.</summary>
    private const double MinOverlap = 0.5;

    private const int MinShared = 2;

    /// <summary>A point with this part of a segment's content words repeats it; more like a paraphrase, a denial may be of something else.</summary>
    private const double Repeats = 0.7;

    /// <summary>A point rests on so many segments at most: enough of them bear out anything.</summary>
    public const int MaxCited = 8;

    /// <summary>More capitals than this is the way that titles are written, and says nothing about names.</summary>
    private const double TitleCase = 0.6;

    /// <summary>As in <see cref="LanguageWords"/>; what follows <c>n't</c> is left out.</summary>
    private static readonly FrozenSet<string> Denials =
        "not no never none nobody nothing neither nor cannot without không chưa chẳng chả đừng chớ".Split(' ').ToFrozenSet(StringComparer.Ordinal);

    /// <summary>What can be told with a denial, by the beginnings of the words.</summary>
    private static readonly string[] Negatives =
        [
            "unab", "unav", "unsuc", "unlik", "unclear", "unres", "unkn", "unch", "unfor", "impos", "incomp", "insuf", "disab", "disag",
            "miss", "fail", "lack", "refus", "reject", "deni", "deny", "stop", "preven", "avoid", "cancel", "hardly", "rare", "only",
            "instead", "few", "little", "los", "out", "except", "delay", "postpon", "thiếu", "mất", "hỏng", "hết", "bại", "chối", "khỏi",
            "trừ", "vắng", "ngừng", "dừng", "hủy", "huỷ", "hoãn", "ít",
        ];

    private readonly IReadOnlyList<Segment> _segments;
    private readonly SegmentFacts[] _facts;
    private readonly Dictionary<string, List<int>> _postings = new(StringComparer.Ordinal);
    private readonly HashSet<string> _names = new(StringComparer.Ordinal);
    private readonly LanguageWords? _words;
    private readonly bool _english;
    private readonly bool _pointsEnglish;
    private readonly bool _sameLanguage;

    /// <summary>Looks at a transcript.</summary>
    /// <param name="segments">Their ids are their positions.</param>
    /// <param name="spoken">Their language; BCP 47.</param>
    /// <param name="language">That of the points.</param>
    public PointVerifier(IReadOnlyList<Segment> segments, string spoken, string language)
    {
        _segments = segments;
        _english = LanguageNames.Primary(spoken) == "en";
        _pointsEnglish = LanguageNames.Primary(language) == "en";
        _sameLanguage = LanguageNames.Primary(spoken) == LanguageNames.Primary(language);
        _words = LanguageNames.Primary(spoken) switch
        {
            "en" => LanguageWords.English,
            "vi" => LanguageWords.Vietnamese,
            _ => null,
        };
        _facts = new SegmentFacts[segments.Count];
        for (var i = 0; i < _facts.Length; i++)
        {
            var tokens = Token.Read(segments[i].Text, _english);
            _facts[i] = new SegmentFacts(
                [.. Stems(tokens)], [.. tokens.Where(token => token.Number is null).Select(token => token.Word)],
                [.. NumberWords.Readings(tokens)], tokens.Any(Denies), tokens.Any(IsNegative));
            _names.UnionWith(tokens.Where(token => IsMarkedAsName(token)).Select(token => token.Word));
            foreach (var stem in _facts[i].Stems)
            {
                if (!_postings.TryGetValue(stem, out var own))
                {
                    _postings[stem] = own = [];
                }

                own.Add(i);
            }
        }
    }

    /// <summary>
    /// The point with what it rests on. Where it cites nothing, that is the segment that is most like it. Where what it cites lacks
    /// words or names that the segment before has, that is cited, too.
    /// </summary>
    /// <returns>
    /// Null where it cites no segment, and none is like it. <see cref="KeyPoint.Supported"/> is null where the languages differ and
    /// nothing speaks against the point.
    /// </returns>
    public KeyPoint? Verify(CitedText point)
    {
        var claim = new Claim(this, point.Text);
        var cited = point.Segments.Where(id => id >= 0 && id < _segments.Count).ToList();
        if (cited.Count > MaxCited)
        {
            cited = [.. cited.OrderByDescending(id => claim.Stems.Count(_facts[id].Stems.Contains)).Take(MaxCited).Order()];
        }

        if (cited.Count == 0)
        {
            if (MostAlike(claim) is not { } alike)
            {
                return null;
            }

            cited.Add(alike);
        }

        var supported = HasNumbers(claim, cited) && IsBorneOut(claim, ref cited);
        return new KeyPoint(
            point.Text, cited, cited.Min(id => _segments[id].Start), cited.Max(id => _segments[id].End),
            supported && !_sameLanguage ? null : supported);
    }

    /// <summary>Whether what the model cites itself has every number: a segment nearby may have any.</summary>
    private bool HasNumbers(Claim claim, List<int> cited) =>
        claim.Numbers.All(number => cited.Any(id => _facts[id].Numbers.Contains(number)));

    private bool IsBorneOut(Claim claim, ref List<int> cited)
    {
        var facts = cited.ConvertAll(id => _facts[id]);
        var isLike = IsLike(claim, facts);
        if (_sameLanguage && isLike && Contradicts(claim, facts))
        {
            return false;
        }

        if (HasNames(claim, facts) && (isLike || !_sameLanguage))
        {
            return true;
        }

        // "She fixed it": who did and what stands in the segment before.
        if (cited[0] > 0 && facts.Prepend(_facts[cited[0] - 1]).ToList() is var grown && HasNames(claim, grown)
            && (!_sameLanguage || (IsLike(claim, grown) && !Contradicts(claim, grown))))
        {
            cited = [cited[0] - 1, .. cited];
            return true;
        }

        return false;
    }

    private static bool HasNames(Claim claim, List<SegmentFacts> facts) =>
        claim.Names.All(name => facts.Any(own => own.Words.Contains(name)));

    private static bool IsLike(Claim claim, List<SegmentFacts> facts) =>
        claim.Said.Count > 0
        && claim.Said.Count(stem => facts.Any(own => own.Stems.Contains(stem)))
            >= Math.Max(MinOverlap * claim.Said.Count, Math.Min(MinShared, claim.Said.Count));

    /// <summary>Whether the point denies what nothing in them denies, or repeats without the denial what they deny.</summary>
    private static bool Contradicts(Claim claim, List<SegmentFacts> facts)
    {
        if (claim.Denies)
        {
            return !facts.Any(own => own.Denies || own.IsNegative);
        }

        var nearest = facts.MaxBy(own => own.Stems.Count(claim.Stems.Contains))!;
        return nearest.Denies && !claim.IsNegative && nearest.Stems.Count(claim.Stems.Contains) >= Repeats * nearest.Stems.Count;
    }

    private int? MostAlike(Claim claim)
    {
        var shared = new Dictionary<int, int>();
        foreach (var segment in claim.Stems.SelectMany(stem => _postings.GetValueOrDefault(stem, [])))
        {
            shared[segment] = shared.GetValueOrDefault(segment) + 1;
        }

        return shared.Count == 0 ? null : shared.MaxBy(pair => (pair.Value, -pair.Key)).Key;
    }

    /// <summary>What its words share with other forms of them: the content words' beginnings, without the common endings.</summary>
    private IEnumerable<string> Stems(IEnumerable<Token> tokens)
    {
        foreach (var word in tokens.Where(token => token.Number is null && !NumberWords.IsNumber(token.Word)).Select(token => token.Word))
        {
            if (word.Any(IsWrittenWithoutSpaces))
            {
                // There are no words to see; pairs of letters do as well.
                for (var i = 0; i + 1 < word.Length; i++)
                {
                    yield return word.Substring(i, 2);
                }
            }
            else if (_words?.IsContent(word) ?? word.Length > 3)
            {
                yield return _words == LanguageWords.English ? EnglishStem(word) : word;
            }
        }
    }

    private static string EnglishStem(string word)
    {
        const int Length = 6;
        var stem = LanguageWords.English.Stem(word);
        var ending = new[] { "ing", "ed", "ly", "er" }.FirstOrDefault(ending =>
            stem.Length > ending.Length + 2 && stem.EndsWith(ending, StringComparison.Ordinal));
        stem = stem[..^(ending?.Length ?? 0)];
        stem = stem.Length > 3 && (stem[^1] == 'e' || stem[^1] == stem[^2]) ? stem[..^1] : stem;
        return stem.Length > Length ? stem[..Length] : stem;
    }

    private static bool IsWrittenWithoutSpaces(char c) =>
        c is (>= '\u0E00' and <= '\u0EFF') or (>= '\u1000' and <= '\u109F') or (>= '\u1780' and <= '\u17FF') or (>= '\u3040' and <= '\u9FFF');

    private static bool IsMarkedAsName(Token token) =>
        token.IsAcronym || (token.IsCapital && !token.StartsSentence && token.Word != "i" && !token.Word.StartsWith("i'", StringComparison.Ordinal));

    private static bool Denies(Token token) => Denials.Contains(token.Word) || token.Word.EndsWith("n't", StringComparison.Ordinal);

    private static bool IsNegative(Token token) =>
        token.Number == 0 || Negatives.Any(start => token.Word.StartsWith(start, StringComparison.Ordinal));

    /// <param name="Stems">Of its content words.</param>
    /// <param name="Words">All of them.</param>
    /// <param name="Numbers">In all readings.</param>
    /// <param name="Denies">Something in it is denied.</param>
    /// <param name="IsNegative">It has a word that can be told with a denial.</param>
    private sealed record SegmentFacts(
        HashSet<string> Stems, HashSet<string> Words, HashSet<decimal> Numbers, bool Denies, bool IsNegative);

    /// <summary>What of a point can be checked.</summary>
    private sealed class Claim
    {
        public Claim(PointVerifier verifier, string text)
        {
            var tokens = Token.Read(text, verifier._pointsEnglish);
            var words = tokens.Where(token => token.Number is null).ToList();
            var isTitle = words.Count > 3 && words.Count(token => token.IsCapital) > TitleCase * words.Count;
            // The number words of another language stand for days of the week as well, and its names may be translated: there, only
            // digits must be in the segments, and names that the recording has elsewhere.
            Numbers = [.. NumberWords.Stated(tokens, digitsOnly: !verifier._sameLanguage)];
            Names =
                [
                    .. words.Where(token => IsMarkedAsName(token)
                        ? IsKnown(token) || (verifier._sameLanguage && !isTitle)
                        : token.IsCapital && IsKnown(token)).Select(token => token.Word),
                ];
            Stems = [.. verifier.Stems(tokens)];
            Said = [.. verifier.Stems(tokens.Where(token => !Names.Contains(token.Word)))];
            Said = Said.Count > 0 ? Said : Stems;
            Denies = tokens.Any(PointVerifier.Denies);
            IsNegative = tokens.Any(PointVerifier.IsNegative);

            bool IsKnown(Token token) => verifier._names.Contains(token.Word) && verifier._words?.Stops.Contains(token.Word) is not true;
        }

        public HashSet<string> Stems { get; }

        /// <summary>Those that are of no name, where there are others: "Maria resigned" isn't half borne out by Maria.</summary>
        public HashSet<string> Said { get; }

        public IReadOnlyList<decimal> Numbers { get; }

        public IReadOnlyList<string> Names { get; }

        public bool Denies { get; }

        public bool IsNegative { get; }
    }
}
