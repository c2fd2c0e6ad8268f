using System.Text;

namespace Omoai.Language.Punctuation.Llm;

/// <summary>The marks that are taken from a reply; every other one is left there.</summary>
internal static class Marks
{
    /// <summary>The most before a word.</summary>
    public const int MaxBefore = 3;

    /// <summary>The most after a word.</summary>
    public const int MaxAfter = 4;

    // ‹ and › are none of them: a prompt has them in place of < and >.
    private const string Openings = "([{“‘«„‚¿¡「『《〈（【";
    private const string Closings = ")]}”’»」』》〉）】";
    private const string Separators = ",;:，、；：";
    private const string Ends = ".?!…。？！";
    private const string Dashes = "–—";

    /// <summary>Openings with what may close each.</summary>
    private static readonly string[] Pairs =
    [
        "()", "[]", "{}", "“”", "‘’", "«»", "„“”", "‚‘’", "「」", "『』", "《》", "〈〉", "（）", "【】", "\"\"", "''",
    ];

    public static bool Opens(Rune mark) => Has(Openings, mark);

    public static bool IsStraightQuote(Rune mark) => mark.Value is '"' or '\'';

    public static bool IsDash(Rune mark) => Has(Dashes, mark);

    /// <summary>Whether it may come after a word, and nowhere else.</summary>
    public static bool Follows(Rune mark) => Has(Closings, mark) || Has(Separators, mark) || Has(Ends, mark) || Has(Dashes, mark);

    public static bool EndSentence(string marks) => marks.AsSpan().IndexOfAny(Ends) >= 0;

    /// <summary>How much the marks after a word part it from the next: 0 not at all, to 3.</summary>
    public static int Strength(string marks) =>
        EndSentence(marks) ? 3
        : marks.AsSpan().IndexOfAny(";:—–；：") >= 0 ? 2
        : marks.AsSpan().IndexOfAny(Separators) >= 0 ? 1
        : 0;

    /// <summary>Adds a mark unless it is there already or there are too many.</summary>
    public static string Add(string marks, Rune mark, int most) =>
        marks.Length < most && !marks.EndsWith(mark.ToString(), StringComparison.Ordinal) && !(mark.Value == '.' && marks.EndsWith('…'))
            ? marks + mark
            : marks;

    /// <summary>Leaves out brackets and quotation marks that have no partner.</summary>
    /// <param name="before">The marks before each word.</param>
    /// <param name="after">The marks after each.</param>
    public static void KeepPairs(string[] before, string[] after)
    {
        var open = new Stack<(int Word, int Place)>();
        var lone = new List<(string[] Marks, int Word, int Place)>();
        for (var word = 0; word < before.Length; word++)
        {
            for (var place = 0; place < before[word].Length; place++)
            {
                if (before[word][place] is not ('¿' or '¡'))
                {
                    open.Push((word, place));
                }
            }

            for (var place = 0; place < after[word].Length; place++)
            {
                var mark = after[word][place];
                if (!IsClosing(mark))
                {
                    continue;
                }

                if (!open.Any(opening => Closes(Mark(opening), mark)))
                {
                    lone.Add((after, word, place));
                    continue;
                }

                while (!Closes(Mark(open.Peek()), mark))
                {
                    Leave(open.Pop());
                }

                open.Pop();
            }
        }

        foreach (var opening in open)
        {
            Leave(opening);
        }

        // From the last place on: those before it stay where they are.
        foreach (var (marks, word, place) in lone.OrderByDescending(mark => mark.Place))
        {
            marks[word] = marks[word].Remove(place, 1);
        }

        char Mark((int Word, int Place) opening) => before[opening.Word][opening.Place];

        void Leave((int Word, int Place) opening) => lone.Add((before, opening.Word, opening.Place));
    }

    private static bool IsClosing(char mark) => Array.Exists(Pairs, pair => pair.AsSpan(1).Contains(mark));

    private static bool Closes(char opening, char mark) =>
        Array.Exists(Pairs, pair => pair[0] == opening && pair.AsSpan(1).Contains(mark));

    private static bool Has(string marks, Rune mark) => mark.IsBmp && marks.Contains((char)mark.Value);
}
