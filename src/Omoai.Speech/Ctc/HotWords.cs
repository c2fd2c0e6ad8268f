using Omoai.Transcripts.Activities;

namespace Omoai.Speech.Ctc;

/// <summary>
/// Phrases that are likelier than the model thinks, as an automaton over the letters of a text (Aho and Corasick, "Efficient string
/// matching", 1975). Every time that a phrase is written, from the start of a word to the end of one, each letter of it gets the
/// bonus. While a phrase is being written its beginning gets it in advance, which is taken back where the text goes on otherwise
/// (shallow fusion with a context graph, as in Zhao et al. 2019, "Shallow-fusion end-to-end contextual biasing"). Letters, not
/// tokens, so that it doesn't matter how the model cuts a phrase into tokens.
/// </summary>
public sealed class HotWords
{
    /// <summary>Phrases that may be given.</summary>
    public const int MostPhrases = 500;

    /// <summary>Characters that a phrase may have.</summary>
    public const int LongestPhrase = 100;

    private const int Root = 0;

    private readonly Dictionary<(int Node, char Letter), int> _children = [];
    private readonly List<Node> _nodes = [default];
    private readonly string[] _texts;

    /// <param name="phrases">The phrases; those that the tokens can't spell are left out. A phrase may be in another case than the
    /// tokens.</param>
    /// <param name="tokens">The tokens of the model.</param>
    /// <param name="bonus">Added for each letter.</param>
    public HotWords(IEnumerable<string> phrases, TokenList tokens, double bonus)
    {
        _texts = [.. Enumerable.Range(0, tokens.Count).Select(id => tokens.Canonical(tokens.Letters(id)))
            // A mark after a word ends it for a phrase, though it is written with it.
            .Select(text => text.Length > 0 && text.AsSpan().IndexOfAnyExcept(".,;:!?，。；：！？、") < 0 ? " " + text : text)];
        Words = [.. phrases.Select(phrase => Spellable(phrase, tokens)).OfType<string>().Distinct()];
        foreach (var phrase in Words)
        {
            Add($" {phrase} ", bonus);
        }

        Link();
        Start = Step(Root, ' ').State;
    }

    /// <summary>The phrases that can be written, as they would be.</summary>
    public IReadOnlyList<string> Words { get; }

    /// <summary>The state at the start of a text.</summary>
    public int Start { get; }

    /// <summary>Refuses lists that are too long to serve.</summary>
    /// <exception cref="BadInputException">There are too many phrases, or one is too long.</exception>
    public static void Check(IReadOnlyList<string> phrases)
    {
        if (phrases.Count > MostPhrases)
        {
            throw new BadInputException($"There are {phrases.Count} hot words; {MostPhrases} are the most. Give fewer.");
        }

        foreach (var phrase in phrases)
        {
            if (phrase is null or { Length: > LongestPhrase })
            {
                throw new BadInputException(
                    $"The hot word '{phrase?[..20]}...' has {phrase?.Length ?? 0} characters; 1 to {LongestPhrase} can be. Give another.");
            }
        }
    }

    /// <summary>Whether the tokens can write a phrase.</summary>
    public static bool CanWrite(string phrase, TokenList tokens) => Spellable(phrase, tokens) is not null;

    /// <summary>What the phrases that a text has begun have got in advance.</summary>
    public double Pending(int state) => _nodes[state].Pending;

    /// <summary>The state after a token, and what the phrases that it completes get.</summary>
    /// <param name="state">The state before it.</param>
    /// <param name="token">The token.</param>
    /// <param name="parts">Whether a word ends before it.</param>
    public (int State, double Bonus) After(int state, int token, bool parts)
    {
        var sum = 0.0;
        if (parts)
        {
            (state, sum) = Step(state, ' ');
        }

        foreach (var letter in _texts[token])
        {
            (state, var bonus) = Step(state, letter);
            sum += bonus;
        }

        return (state, sum);
    }

    /// <summary>What the phrases get that the end of a word completes.</summary>
    public double AtEnd(int state) => Step(state, ' ').Bonus;

    private (int State, double Bonus) Step(int state, char letter)
    {
        for (var node = state; ; node = _nodes[node].Suffix)
        {
            if (_children.TryGetValue((node, letter), out var child))
            {
                return (child, _nodes[child].Bonus);
            }

            if (node == Root)
            {
                return (Root, 0);
            }
        }
    }

    private void Add(string phrase, double bonus)
    {
        var (node, pending) = (Root, 0.0);
        foreach (var letter in phrase)
        {
            pending += letter == ' ' ? 0 : bonus;
            if (!_children.TryGetValue((node, letter), out var child))
            {
                child = _nodes.Count;
                _children.Add((node, letter), child);
                _nodes.Add(new Node(node, letter, pending));
            }

            node = child;
        }

        // Two phrases don't end at one node: they are distinct.
        _nodes[node] = _nodes[node] with { Bonus = pending };
    }

    /// <summary>Finds each node's suffix, in order of their depth. Where no phrase goes on, nothing is in advance.</summary>
    private void Link()
    {
        foreach (var leaf in Enumerable.Range(1, _nodes.Count - 1).Except(_nodes.Select(node => node.Parent)).ToList())
        {
            _nodes[leaf] = _nodes[leaf] with { Pending = 0 };
        }

        var depths = new int[_nodes.Count];
        for (var id = 1; id < depths.Length; id++)
        {
            depths[id] = depths[_nodes[id].Parent] + 1;
        }

        foreach (var id in Enumerable.Range(0, depths.Length).OrderBy(id => depths[id]).Skip(1))
        {
            var node = _nodes[id];
            var suffix = node.Parent == Root ? Root : Step(_nodes[node.Parent].Suffix, node.Letter).State;
            _nodes[id] = node with { Suffix = suffix, Bonus = node.Bonus + _nodes[suffix].Bonus };
        }
    }

    private static string? Spellable(string phrase, TokenList tokens) =>
        new[] { phrase, phrase.ToLowerInvariant(), phrase.ToUpperInvariant() }.Select(tokens.Canonical).FirstOrDefault(
            form => form.Length > 0 && form.Split(' ').All(tokens.CanSpell));

    /// <param name="Parent">The node less its last letter.</param>
    /// <param name="Letter">That letter.</param>
    /// <param name="Pending">What its letters get in advance.</param>
    /// <param name="Bonus">What the phrases get that end here.</param>
    /// <param name="Suffix">The longest other node that it ends with.</param>
    private readonly record struct Node(int Parent, char Letter, double Pending, double Bonus = 0, int Suffix = Root);
}
