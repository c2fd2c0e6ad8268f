using System.Text;
using Omoai.Transcripts.Activities;
using Omoai.Transcripts.Normalization;

namespace Omoai.Speech.Ctc;

/// <summary>The tokens of a CTC model; a token's id is its place in the list.</summary>
public sealed class TokenList
{
    /// <summary>How the list writes the word boundary.</summary>
    public const string SpaceName = "<space>";

    private readonly string[] _texts;

    /// <param name="tokens">The tokens in order of their ids; one of them <see cref="SpaceName"/>.</param>
    /// <param name="blank">Id of the blank.</param>
    /// <exception cref="MissingRequirementException">The list can't be that of a CTC model.</exception>
    public TokenList(IEnumerable<string> tokens, int blank)
    {
        _texts = [.. tokens];
        Blank = blank;
        Space = Array.IndexOf(_texts, SpaceName);
        if (blank < 0 || blank >= _texts.Length)
        {
            throw new MissingRequirementException($"The model's blank is token {blank}, but it has {_texts.Length} tokens.");
        }

        if (Space < 0 || Space == blank)
        {
            throw new MissingRequirementException($"The model's tokens have no {SpaceName}.");
        }

        if (_texts.FirstOrDefault(string.IsNullOrWhiteSpace) is not null || _texts.Distinct().Count() != _texts.Length)
        {
            throw new MissingRequirementException("The model's tokens hold an empty line, or one of them twice.");
        }
    }

    /// <summary>Number of tokens, blank included.</summary>
    public int Count => _texts.Length;

    /// <summary>Id of the blank, which writes nothing and parts equal tokens.</summary>
    public int Blank { get; }

    /// <summary>Id of the word boundary.</summary>
    public int Space { get; }

    /// <summary>The text of a token.</summary>
    public string this[int id] => _texts[id];

    /// <summary>The id of a token, or -1.</summary>
    public int IndexOf(string text) => Array.IndexOf(_texts, text);

    /// <summary>Where the words lie in a sequence of tokens: ranges between spaces, none of them empty.</summary>
    public IReadOnlyList<Range> Words(ReadOnlySpan<int> sequence)
    {
        var words = new List<Range>();
        var start = 0;
        for (var i = 0; i <= sequence.Length; i++)
        {
            if (i == sequence.Length || sequence[i] == Space)
            {
                if (i > start)
                {
                    words.Add(start..i);
                }

                start = i + 1;
            }
        }

        return words;
    }

    /// <summary>The text of a word's tokens, in Unicode's form C.</summary>
    public string Text(ReadOnlySpan<int> word)
    {
        var text = new StringBuilder();
        foreach (var token in word)
        {
            text.Append(_texts[token]);
        }

        return Nfc.Normalize(text.ToString());
    }
}
