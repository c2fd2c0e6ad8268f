using Omoai.Transcripts.Activities;
using Omoai.Transcripts.Normalization;

namespace Omoai.Speech.Ctc;

/// <summary>The words a decoder may write, as a trie over token ids.</summary>
public sealed class Lexicon
{
    /// <summary>The node of the empty word.</summary>
    public const int Root = 0;

    private readonly Dictionary<(int Node, int Token), int> _children = [];
    private readonly List<string?> _words = [null];

    /// <param name="words">Words; those that the tokens can't spell, a character each, are left out.</param>
    /// <param name="tokens">The tokens of the model.</param>
    /// <exception cref="MissingRequirementException">No word can be spelled.</exception>
    public Lexicon(IEnumerable<string> words, TokenList tokens)
    {
        var ids = new Dictionary<string, int>();
        for (var id = 0; id < tokens.Count; id++)
        {
            ids[tokens[id]] = id;
        }

        foreach (var word in words.Select(word => Nfc.Normalize(word.Trim())))
        {
            var spelling = word.EnumerateRunes().Select(rune => ids.GetValueOrDefault(rune.ToString(), -1)).ToList();
            if (spelling.Count > 0 && !spelling.Contains(-1))
            {
                Add(spelling, word);
            }
        }

        if (Count == 0)
        {
            throw new MissingRequirementException("The model's word list has no word that its tokens can spell.");
        }
    }

    /// <summary>Number of different words.</summary>
    public int Count { get; private set; }

    /// <summary>The node that a token leads to, or -1 where no word goes on like that.</summary>
    public int Child(int node, int token) => _children.GetValueOrDefault((node, token), -1);

    /// <summary>The word that ends at a node, or null.</summary>
    public string? Word(int node) => _words[node];

    private void Add(List<int> spelling, string word)
    {
        var node = Root;
        foreach (var token in spelling)
        {
            if (!_children.TryGetValue((node, token), out var child))
            {
                child = _words.Count;
                _children.Add((node, token), child);
                _words.Add(null);
            }

            node = child;
        }

        Count += _words[node] is null ? 1 : 0;
        _words[node] = word;
    }
}
