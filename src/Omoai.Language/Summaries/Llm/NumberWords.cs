using System.Collections.Frozen;
using System.Globalization;

namespace Omoai.Language.Summaries.Llm;

/// <summary>Finds numbers in text: digits, and English and Vietnamese words for them.</summary>
internal static class NumberWords
{
    private enum Kind
    {
        /// <summary>Stands for its value.</summary>
        Value,

        /// <summary>Tens, that a unit may follow.</summary>
        Tens,

        /// <summary>Makes tens of the unit before it, as in <c>hai mươi</c>.</summary>
        TimesTen,

        Hundred,

        /// <summary>A thousand and more.</summary>
        Scale,

        /// <summary>Stands between the parts of a number.</summary>
        Joint,

        /// <summary>The decimal point.</summary>
        Point,
    }

    /// <summary>Words that mean something else often enough: in a point, alone, they are no number.</summary>
    private static readonly FrozenSet<string> Ambiguous =
        "one first second third fourth fifth hundred thousand million billion không một mốt ba tư năm lăm chín trăm nghìn ngàn triệu tỷ tỉ"
            .Split(' ').ToFrozenSet(StringComparer.Ordinal);

    private static readonly FrozenDictionary<string, (Kind Kind, decimal Value)> Words = Numbered(
            Kind.Value, 0,
            "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen")
        .Concat(Numbered(Kind.Value, 1, "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth"))
        .Concat(Numbered(Kind.Value, 0, "không một hai ba bốn năm sáu bảy tám chín"))
        .Concat([new("mốt", (Kind.Value, 1)), new("tư", (Kind.Value, 4)), new("lăm", (Kind.Value, 5)), new("bẩy", (Kind.Value, 7))])
        .Concat(Numbered(Kind.Tens, 2, "twenty thirty forty fifty sixty seventy eighty ninety", factor: 10))
        .Concat(Numbered(Kind.Tens, 1, "mười", factor: 10))
        .Concat(Named(Kind.TimesTen, 10, "mươi")).Concat(Named(Kind.Hundred, 100, "hundred trăm"))
        .Concat(Named(Kind.Scale, 1e3m, "thousand nghìn ngàn")).Concat(Named(Kind.Scale, 1e6m, "million triệu"))
        .Concat(Named(Kind.Scale, 1e9m, "billion tỷ tỉ")).Concat(Named(Kind.Joint, 0, "and linh lẻ"))
        .Concat(Named(Kind.Point, 0, "point phẩy")).ToFrozenDictionary();

    /// <summary>Longer numbers are this one: it is more than any that people say, and leaves room to reckon with.</summary>
    private const decimal Largest = 1e18m;

    /// <summary>Whether a word is part of a number, whatever else it may mean.</summary>
    public static bool IsNumber(string word) => Words.TryGetValue(word, out var own) && own.Kind is not (Kind.Joint or Kind.Point);

    /// <summary>The numbers that a text states beyond doubt.</summary>
    /// <param name="tokens">Its words and numbers.</param>
    /// <param name="digitsOnly">Only those that have digits: <c>2</c> and <c>2 million</c>, but not <c>two</c>.</param>
    public static IEnumerable<decimal> Stated(IReadOnlyList<Token> tokens, bool digitsOnly) =>
        Runs(tokens).SelectMany(run => run).Where(number => digitsOnly ? number.Digits : number.Sure).Select(number => number.Value);

    /// <summary>The numbers that a text may state, in all readings: <c>nineteen ninety nine</c> is 19, 99 and 1999.</summary>
    public static IEnumerable<decimal> Readings(IReadOnlyList<Token> tokens)
    {
        foreach (var numbers in Runs(tokens))
        {
            for (var n = 0; n < numbers.Count; n++)
            {
                yield return numbers[n].Value;
                if (n > 0 && Joined(numbers[n - 1], numbers[n]) is { } joined)
                {
                    yield return joined;
                }
            }

            if (numbers.Count is > 2 and < 16 && numbers.All(number => number.Value is >= 0 and < 10 && !number.Digits))
            {
                // "Two zero two six".
                yield return numbers.Aggregate(0m, (sum, number) => (10 * sum) + number.Value);
            }
        }
    }

    /// <summary>Numbers that follow each other at once.</summary>
    private static IEnumerable<List<Number>> Runs(IReadOnlyList<Token> tokens)
    {
        var run = new List<Number>();
        for (var i = 0; i < tokens.Count;)
        {
            var (number, count) = Read(tokens, i);
            if (run.Count > 0 && (count == 0 || tokens[i].IsApart))
            {
                yield return run;
                run = [];
            }

            if (count > 0)
            {
                run.Add(number);
            }

            i += Math.Max(1, count);
        }

        if (run.Count > 0)
        {
            yield return run;
        }
    }

    /// <summary>Digits as they are written, with the separators of the language.</summary>
    /// <param name="text">Digits with <c>.</c> and <c>,</c> between.</param>
    /// <param name="english">Whether a comma is the thousands' and a full stop the decimals'; the other way round otherwise.</param>
    public static decimal Parse(string text, bool english)
    {
        var groups = text.Split('.', ',');
        var thousands = groups.Length > 1 && groups[0].Length is > 0 and < 4 && groups.Skip(1).All(group => group.Length == 3)
            && (groups.Length > 2 || text.Contains(english ? ',' : '.', StringComparison.Ordinal));
        // "1,234.5" and "1.234,5": the last separator is another than those before.
        var last = text.LastIndexOfAny(['.', ',']);
        var plain = groups.Length == 1 || thousands ? string.Concat(groups)
            : string.Concat(text[..last].Where(char.IsAsciiDigit)) + "." + text[(last + 1)..];
        return decimal.TryParse(plain, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var value) && value < Largest
            ? value
            : Largest;
    }

    private readonly record struct Number(decimal Value, bool Digits, bool Sure);

    /// <summary>The number that begins at a token, and how many belong to it; 0 where there is none.</summary>
    private static (Number Number, int Count) Read(IReadOnlyList<Token> tokens, int start)
    {
        var (total, current, scaled) = (0m, 0m, decimal.MaxValue);
        Kind? last = null;
        var at = start;
        for (; AtomAt(at) is { } atom; at++)
        {
            if (atom.Kind == Kind.Joint)
            {
                if (last is Kind.Hundred or Kind.Scale && AtomAt(at + 1)?.Kind is Kind.Value or Kind.Tens)
                {
                    continue;
                }

                break;
            }

            if (!Take(atom))
            {
                break;
            }

            last = atom.Kind;
        }

        var value = total + current;
        if (last is not null && AtomAt(at)?.Kind == Kind.Point && AtomAt(at + 1) is (Kind.Value, < 10))
        {
            var place = 0.1m;
            for (at++; place > 1e-9m && AtomAt(at) is (Kind.Value, < 10) digit; at++, place /= 10)
            {
                value += digit.Value * place;
            }

            if (AtomAt(at) is { Kind: Kind.Scale } scale && value < 1_000_000)
            {
                value *= scale.Value;
                at++;
            }
        }

        var own = tokens.Skip(start).Take(at - start);
        var digits = own.Any(token => token.Number is not null);
        return (new Number(value, digits, digits || at - start > 1 || !own.All(token => Ambiguous.Contains(token.Word))), at - start);

        (Kind Kind, decimal Value)? AtomAt(int i) =>
            i >= tokens.Count || (i > start && tokens[i].IsApart) ? null
            : tokens[i].Number is { } number ? (Kind.Value, number)
            : Words.TryGetValue(tokens[i].Word, out var word) ? word
            : null;

        bool Take((Kind Kind, decimal Value) atom)
        {
            switch (atom.Kind)
            {
                case Kind.Value or Kind.Tens when last is null
                        || (last is Kind.Scale && atom.Value < scaled)
                        || (last is Kind.Hundred && atom.Value < 100)
                        || (last is Kind.Tens or Kind.TimesTen && atom is (Kind.Value, > 0 and < 10)):
                    current += atom.Value;
                    return true;
                case Kind.TimesTen when last == Kind.Value && current % 100 is > 0 and < 10:
                    current += 9 * (current % 100);
                    return true;
                case Kind.Hundred when last is null or Kind.Scale:
                    current += 100;
                    return true;
                case Kind.Hundred when last is Kind.Value or Kind.Tens && current is > 0 and < 100:
                    current *= 100;
                    return true;
                case Kind.Scale when last != Kind.Scale && current < 1_000_000 && atom.Value < scaled:
                    scaled = atom.Value;
                    total += (last is null ? 1 : current) * atom.Value;
                    current = 0;
                    return true;
                default:
                    return false;
            }
        }
    }

    /// <summary>Two numbers that are said as one: <c>twenty twenty six</c>.</summary>
    private static decimal? Joined(Number first, Number second) =>
        !first.Digits && !second.Digits && first.Value is >= 1 and < 100 && second.Value is >= 1 and < 100
            ? (first.Value * (second.Value < 10 ? 10 : 100)) + second.Value
            : null;

    private static IEnumerable<KeyValuePair<string, (Kind, decimal)>> Numbered(Kind kind, int first, string words, int factor = 1) =>
        words.Split(' ').Select((word, i) => KeyValuePair.Create(word, (kind, (decimal)((first + i) * factor))));

    private static IEnumerable<KeyValuePair<string, (Kind, decimal)>> Named(Kind kind, decimal value, string words) =>
        words.Split(' ').Select(word => KeyValuePair.Create(word, (kind, value)));
}
