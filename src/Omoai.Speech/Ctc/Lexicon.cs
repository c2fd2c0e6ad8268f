using Omoai.Transcripts.Activities;
using Omoai.Transcripts.Normalization;

namespace Omoai.Speech.Ctc;

/// <summary>The words a decoder may write, as a trie over their letters: however a word is cut into tokens, it is found.</summary>
public sealed class Lexicon
{
    /// <summary>The node of the empty word.</summary>
    public const int Root = 0;

    private readonly TokenList _tokens;
    private readonly Dictionary<(int Node, char Letter), int> _children = [];
    private readonly List<string?> _words = [null];

    /// <param name="words">Words; those that the tokens can't spell are left out.</param>
    /// <param name="tokens">The tokens of the model.</param>
    /// <exception cref="MissingRequirementException">No word can be spelled.</exception>
    public Lexicon(IEnumerable<string> words, TokenList tokens)
    {
        _tokens = tokens;
        foreach (var word in words.Select(word => Nfc.Normalize(word.Trim())).Where(tokens.CanSpell))
        {
            Add(word);
        }

        if (Count == 0)
        {
            throw new MissingRequirementException("The model's word list has no word that its tokens can spell.");
        }
    }

    /// <summary>Number of different words.</summary>
    public int Count { get; private set; }

    /// <summary>The node that a token leads to, or -1 where no word goes on like that.</summary>
    public int Child(int node, int token)
    {
        foreach (var letter in _tokens.Letters(token))
        {
            if (!_children.TryGetValue((node, letter), out node))
            {
                return -1;
            }
        }

        return node;
    }

    /// <summary>The word that ends at a node, or null.</summary>
    public string? Word(int node) => _words[node];

    private void Add(string word)
    {
        var node = Root;
        foreach (var letter in word)
        {
            if (!_children.TryGetValue((node, letter), out var child))
            {
                child = _words.Count;
                _children.Add((node, letter), child);
                _words.Add(null);
            }

            node = child;
        }

        Count += _words[node] is null ? 1 : 0;
        _words[node] = word;
    }
}
