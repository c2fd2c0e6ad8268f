using System.Collections.Frozen;

namespace Omoai.Language.Punctuation;

/// <summary>
/// Tells English questions by their opening words: a question word with an auxiliary, or an auxiliary before its subject.
/// It says no where it isn't sure, as a statement with a question mark reads worse than the reverse.
/// </summary>
internal static class EnglishQuestions
{
    /// <summary>What is longer is rather two sentences whose boundary was missed.</summary>
    private const int MaxWords = 15;

    private static readonly FrozenSet<string> Pronouns = Set(
        "i you he she it we they there this that these those somebody someone anybody anyone everybody everyone nobody "
        + "anything something everything people");

    private static readonly FrozenSet<string> Determiners = Set("the a an my your our his her its their any all some");

    private static readonly FrozenSet<string> Auxiliaries = Set(
        "am is are was were do does did can could will would shall should may might must has have had "
        + "isn't aren't wasn't weren't don't doesn't didn't can't couldn't won't wouldn't shouldn't hasn't haven't");

    /// <summary>Auxiliaries that also open commands, conditions and wishes ("do the tests", "have a nice day").</summary>
    private static readonly FrozenDictionary<string, FrozenSet<string>> SubjectsOfAmbiguous =
        new Dictionary<string, FrozenSet<string>>
        {
            ["do"] = Set("i you we they people"),
            ["don't"] = Set("i we they people"),
            ["have"] = Set("i you we they people"),
            ["had"] = Set(""),
            ["may"] = Set("i we"),
            ["might"] = Set("i we"),
            ["should"] = Set("i he she it we they this that the"),
            ["were"] = Set("you they these those the there"),
        }.ToFrozenDictionary();

    private static readonly FrozenSet<string> Openers = Set(
        "so and but or okay ok well now then also yes no please sorry hey hi hello");

    private static readonly FrozenSet<string> Whatever = Set("going happening wrong left next missing else new");

    private static readonly FrozenSet<string> Quantities = Set("many much long often far soon fast big large old");

    /// <summary>Whether a sentence that could end with a period is a question.</summary>
    /// <param name="sentence">Its words, lower case, with the marks after them.</param>
    public static bool IsQuestion(IReadOnlyList<(string Word, string Mark)> sentence)
    {
        if (sentence.Count > MaxWords)
        {
            return false;
        }

        var from = 0;
        while (from < sentence.Count - 1 && Openers.Contains(sentence[from].Word))
        {
            from++;
        }

        if (OpensQuestion(sentence, from))
        {
            return true;
        }

        // "Peter, do you have …", "If it fails, can we …": the question comes last. But "Peter, who …" tells about Peter.
        var comma = Enumerable.Range(from, sentence.Count - from - 1).LastOrDefault(i => sentence[i].Mark == ",", -1);
        return comma >= 0 && sentence[comma + 1].Word is not ("who" or "which" or "whose") && OpensQuestion(sentence, comma + 1);
    }

    private static bool OpensQuestion(IReadOnlyList<(string Word, string Mark)> sentence, int from)
    {
        var words = sentence.Skip(from).Take(5).TakeWhile((_, i) => i == 0 || sentence[from + i - 1].Mark.Length == 0)
            .Select(entry => entry.Word).SelectMany(Expand).ToArray();
        var second = words.ElementAtOrDefault(1) ?? "";
        var third = words.ElementAtOrDefault(2) ?? "";
        switch (words[0])
        {
            case "who":
                return second.Length > 0 && !IsSubject(second);
            case "what":
                return second switch
                {
                    "is" or "are" or "was" or "were" or "has" or "have" => IsSubject(third) || Whatever.Contains(third),
                    "happened" or "changed" or "broke" => third is not ("is" or "was"),
                    "about" or "if" or "time" or "else" => third.Length > 0,
                    _ => Auxiliaries.Contains(second),
                };
            case "how":
                return Auxiliaries.Contains(second) || second is "about" or "come" || Quantities.Contains(second);
            case "where" or "why" or "when":
                return Auxiliaries.Contains(second) || (words[0] == "why" && second == "not");
            case "which" or "whose":
                // "Which server should we use": not "which is good", not "which server it was".
                return !Auxiliaries.Contains(second) && words.Length > 3
                    && (IsInversion(words[2], words[3]) || second is "one" or "of");
            default:
                return from < sentence.Count - 1 && IsInversion(words[0], second);
        }
    }

    private static bool IsInversion(string auxiliary, string subject) =>
        SubjectsOfAmbiguous.TryGetValue(auxiliary, out var subjects)
            ? subjects.Contains(subject)
            : Auxiliaries.Contains(auxiliary) && IsSubject(subject);

    private static bool IsSubject(string word) => Pronouns.Contains(word) || Determiners.Contains(word);

    private static IEnumerable<string> Expand(string word) =>
        word is "what's" or "who's" or "where's" or "how's" or "when's" or "why's" ? [word[..^2], "is"] : [word];

    private static FrozenSet<string> Set(string words) =>
        words.Split(' ', StringSplitOptions.RemoveEmptyEntries).ToFrozenSet(StringComparer.Ordinal);
}
