using System.Globalization;
using Omoai.Transcripts.Activities;
using Omoai.Transcripts.Normalization;

namespace Omoai.Speech.Ctc;

/// <summary>
/// A back-off n-gram model of words in the ARPA format (Jurafsky and Martin, Speech and Language Processing, ch. 3), as a
/// trie of n-grams. A state is the longest run of last words that the model knows as the beginning of an n-gram; so
/// equal states score alike whatever came before.
/// </summary>
public sealed class ArpaModel
{
    /// <summary>The state without history.</summary>
    public const int Empty = 0;

    private const int LongestOrder = 10;

    /// <summary>ln of what a word gets that a model without <c>&lt;unk&gt;</c> doesn't know: 1e-10.</summary>
    private static readonly double Unknown = Math.Log(1e-10);

    private readonly Dictionary<string, int> _words = [];
    private readonly Dictionary<(int Node, int Word), int> _children = [];
    private readonly List<Node> _nodes = [new(0, 0, 0, 0)];

    private ArpaModel()
    {
    }

    /// <summary>The longest n-gram, in words.</summary>
    public int Order { get; private set; }

    /// <summary>The state at the start of a sentence.</summary>
    public int Start { get; private set; }

    /// <summary>Reads a model.</summary>
    /// <param name="reader">The text.</param>
    /// <param name="name">What messages call the file.</param>
    /// <exception cref="MissingRequirementException">It isn't a whole model in the ARPA format.</exception>
    public static ArpaModel Read(TextReader reader, string name)
    {
        var model = new ArpaModel();
        var line = 0;
        try
        {
            model.ReadSections(Lines());
        }
        catch (FormatException e)
        {
            throw new MissingRequirementException($"{name} isn't a whole n-gram model (line {line}): {e.Message} Get the model again.", e);
        }

        model.Start = model._words.TryGetValue("<s>", out var start) ? model.After(model._children[(Empty, start)]) : Empty;
        return model;

        IEnumerable<string> Lines()
        {
            while (reader.ReadLine() is { } text)
            {
                line++;
                if (text.Trim() is { Length: > 0 } trimmed)
                {
                    yield return trimmed;
                }
            }

            throw new FormatException("it ends before \\end\\.");
        }
    }

    /// <summary>The id of a word, that of <c>&lt;unk&gt;</c> for words it doesn't know, or -1 where it hasn't that either.</summary>
    public int WordId(string word) =>
        _words.TryGetValue(word, out var id) || _words.TryGetValue("<unk>", out id) ? id : -1;

    /// <summary>ln P(word | state): that of the longest known n-gram, plus the back-off weights of longer histories.</summary>
    /// <param name="state">A state: <see cref="Start"/>, or a <paramref name="next"/>.</param>
    /// <param name="word">From <see cref="WordId"/>.</param>
    /// <param name="next">The state after the word.</param>
    public double Score(int state, int word, out int next)
    {
        var backOff = 0.0;
        for (var node = state; ; node = _nodes[node].Suffix)
        {
            if (_children.TryGetValue((node, word), out var child))
            {
                next = After(child);
                return backOff + _nodes[child].LogProbability;
            }

            if (node == Empty)
            {
                next = Empty;
                return backOff + Unknown;
            }

            backOff += _nodes[node].BackOff;
        }
    }

    /// <summary>The state after an n-gram: itself, or where none is longer, the longest that it ends with.</summary>
    private int After(int ngram) => _nodes[ngram].Length < Order ? ngram : _nodes[ngram].Suffix;

    private void ReadSections(IEnumerable<string> lines)
    {
        using var line = lines.GetEnumerator();
        // Text before the header is a comment, by custom.
        while (line.MoveNext() && line.Current != "\\data\\")
        {
        }

        var counts = new List<int>();
        while (line.MoveNext() && line.Current.StartsWith("ngram ", StringComparison.Ordinal))
        {
            var fields = line.Current["ngram ".Length..].Split('=', StringSplitOptions.TrimEntries);
            if (fields.Length != 2 || !IsCount(fields[0], out var length) || !IsCount(fields[1], out var count)
                || length != counts.Count + 1 || length > LongestOrder)
            {
                throw new FormatException($"'{line.Current}' isn't a count of the next longer n-grams (up to {LongestOrder}).");
            }

            counts.Add(count);
        }

        Order = counts.Count;
        if (Order == 0)
        {
            throw new FormatException("it has no counts.");
        }

        for (var length = 1; length <= Order; length++)
        {
            if (line.Current != $"\\{length}-grams:")
            {
                throw new FormatException($"\\{length}-grams: should be here.");
            }

            var count = 0;
            for (; line.MoveNext() && !line.Current.StartsWith('\\'); count++)
            {
                Add(line.Current.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries), length);
            }

            if (count != counts[length - 1])
            {
                throw new FormatException($"it has {count} {length}-grams and says {counts[length - 1]}.");
            }
        }

        if (line.Current != "\\end\\")
        {
            throw new FormatException("\\end\\ should be here.");
        }

        static bool IsCount(string text, out int count) =>
            int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out count);
    }

    private void Add(string[] fields, int length)
    {
        var backOff = 0.0;
        if (fields.Length < length + 1 || fields.Length > length + 2 || !IsLog(fields[0], out var probability) || probability > 0
            || (fields.Length == length + 2 && !IsLog(fields[^1], out backOff)))
        {
            throw new FormatException($"this isn't a logarithm, {length} words and a back-off weight.");
        }

        var node = Empty;
        for (var i = 1; i < length; i++)
        {
            if (!_words.TryGetValue(Form(fields[i]), out var id) || !_children.TryGetValue((node, id), out node))
            {
                throw new FormatException("its beginning isn't among the shorter n-grams.");
            }
        }

        if (!_words.TryGetValue(Form(fields[length]), out var word))
        {
            if (length > 1)
            {
                throw new FormatException($"'{fields[length]}' isn't among the 1-grams.");
            }

            word = _words.Count;
            _words.Add(Form(fields[length]), word);
        }

        var suffix = Empty;
        if (length > 1)
        {
            // Every word is a 1-gram, so this ends at the empty state at the latest.
            var end = _nodes[node].Suffix;
            while (!_children.TryGetValue((end, word), out suffix))
            {
                end = _nodes[end].Suffix;
            }
        }

        if (!_children.TryAdd((node, word), _nodes.Count))
        {
            throw new FormatException("this n-gram is there twice.");
        }

        _nodes.Add(new Node(length, probability * Math.Log(10), backOff * Math.Log(10), suffix));

        static string Form(string text) => Nfc.Normalize(text);

        static bool IsLog(string text, out double value) =>
            double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out value) && double.IsFinite(value);
    }

    /// <summary>An n-gram. Its suffix is the longest n-gram that it ends with, less its first word at least.</summary>
    private readonly record struct Node(int Length, double LogProbability, double BackOff, int Suffix);
}
