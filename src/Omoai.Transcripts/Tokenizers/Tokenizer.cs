using System.Text;
using Omoai.Transcripts.Activities;

namespace Omoai.Transcripts.Tokenizers;

/// <summary>
/// Text to the ids of a language model's tokens and back, as Hugging Face's <c>tokenizer.json</c> describes it, for
/// byte-pair encoding (Sennrich et al., "Neural machine translation of rare words with subword units", 2016) over bytes
/// (GPT-2, Whisper) and over characters with bytes for those that are missing (Llama). The ids are those of the Rust
/// library <c>tokenizers</c>. For several threads at once.
/// </summary>
public sealed class Tokenizer
{
    private readonly BytePairModel _model;
    private readonly INormalizer[] _normalizers;
    private readonly IPreTokenizer _preTokenizer;
    private readonly AddedTokenSplitter _beforeNormalizing;
    private readonly AddedTokenSplitter _afterNormalizing;
    private readonly ITokenDecoder[] _decoders;
    private readonly Dictionary<string, int> _addedIds = [];
    private readonly Dictionary<int, AddedToken> _added = [];

    internal Tokenizer(
        BytePairModel model, INormalizer[] normalizers, IPreTokenizer preTokenizer, IReadOnlyList<AddedToken> added,
        ITokenDecoder[] decoders)
    {
        (_model, _normalizers, _preTokenizer, _decoders) = (model, normalizers, preTokenizer, decoders);
        foreach (var token in added)
        {
            _addedIds[token.Content] = token.Id;
            _added[token.Id] = token;
        }

        _beforeNormalizing = new AddedTokenSplitter(added.Where(token => !token.Normalized), text => text);
        _afterNormalizing = new AddedTokenSplitter(added.Where(token => token.Normalized), Normalize);
        Count = Math.Max(model.Count, added.Count == 0 ? 0 : added.Max(token => token.Id) + 1);
    }

    /// <summary>One more than the highest id.</summary>
    public int Count { get; }

    /// <summary>Reads a <c>tokenizer.json</c>.</summary>
    /// <param name="stream">Its content, at most <see cref="TokenizerJson.MaxBytes"/> long.</param>
    /// <param name="name">What messages call it.</param>
    /// <exception cref="MissingRequirementException">It isn't one, or asks for something that this version doesn't know.</exception>
    public static Tokenizer Read(Stream stream, string name = "tokenizer.json") => TokenizerJson.Read(stream, name);

    /// <summary>The ids of a text, without those that models want at its ends. Special tokens that are written out in it are
    /// taken for what they say: text that isn't trusted must not hold any.</summary>
    /// <param name="text">Any text; halves of surrogate pairs that stand alone become U+FFFD. Time grows with n · log(n).</param>
    public IReadOnlyList<int> Encode(string text)
    {
        var ids = new List<int>();
        foreach (var section in _beforeNormalizing.Split(WellFormed(text)))
        {
            if (section.Id is { } special)
            {
                ids.Add(special);
                continue;
            }

            foreach (var part in _afterNormalizing.Split(Normalize(section.Text)))
            {
                if (part.Id is { } added)
                {
                    ids.Add(added);
                }
                else
                {
                    _preTokenizer.Split(part.Text, word => _model.Encode(word, ids));
                }
            }
        }

        return ids;
    }

    /// <summary>The text of ids. Bytes that make no whole character become U+FFFD.</summary>
    /// <param name="ids">Those that no token has are left out.</param>
    /// <param name="skipSpecial">Leaves special tokens out.</param>
    public string Decode(IEnumerable<int> ids, bool skipSpecial = false)
    {
        IEnumerable<string> tokens = ids.Where(id => !(skipSpecial && IsSpecial(id))).Select(TokenOf).OfType<string>();
        foreach (var decoder in _decoders)
        {
            tokens = decoder.Decode(tokens);
        }

        return string.Join(_decoders.Length == 0 ? " " : "", tokens);
    }

    /// <summary>The id of a token as the file writes it, or null.</summary>
    public int? IdOf(string token) => _addedIds.TryGetValue(token, out var id) ? id : _model.IdOf(token);

    /// <summary>The token of an id as the file writes it, or null.</summary>
    public string? TokenOf(int id) => _added.TryGetValue(id, out var token) ? token.Content : _model.TokenOf(id);

    /// <summary>Whether an id is that of a special token, which stands for no text.</summary>
    public bool IsSpecial(int id) => _added.TryGetValue(id, out var token) && token.Special;

    private string Normalize(string text) => _normalizers.Aggregate(text, (current, normalizer) => normalizer.Normalize(current));

    private static string WellFormed(string text)
    {
        if (!text.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF'))
        {
            return text;
        }

        var result = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes())
        {
            result.Append(rune);
        }

        return result.ToString();
    }
}
