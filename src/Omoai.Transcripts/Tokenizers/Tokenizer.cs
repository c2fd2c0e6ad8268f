using System.Text;
using Omoai.Transcripts.Activities;

namespace Omoai.Transcripts.Tokenizers;

/// <summary>
/// Text to the ids of a language model's tokens and back, as Hugging Face's <c>tokenizer.json</c> describes it, for
/// byte-pair encoding (Sennrich et al., "Neural machine translation of rare words with subword units", 2016) over bytes
/// (GPT-2, Whisper, Qwen, Llama 3, Phi) and over characters with bytes for those that are missing (Llama 2, Mistral, Gemma). The
/// ids are those of the Rust library <c>tokenizers</c>. What the file says of tokens at the ends of a text (its
/// <c>post_processor</c>) is left to the caller. For several threads at once.
/// </summary>
public sealed class Tokenizer
{
    private readonly BytePairModel _model;
    private readonly INormalizer[] _normalizers;
    private readonly IPreTokenizer _preTokenizer;
    private readonly AddedTokenSplitter _beforeNormalizing;
    private readonly AddedTokenSplitter _afterNormalizing;
    private readonly AddedTokenSplitter _plainBeforeNormalizing;
    private readonly AddedTokenSplitter _plainAfterNormalizing;
    private readonly ITokenDecoder[] _decoders;
    private readonly Dictionary<string, int> _addedIds = [];
    private readonly Dictionary<int, AddedToken> _added = [];

    /// <summary>The ids of added tokens that say something to a model.</summary>
    private readonly HashSet<int> _marks = [];

    internal Tokenizer(
        BytePairModel model, INormalizer[] normalizers, IPreTokenizer preTokenizer, IReadOnlyList<AddedToken> added,
        ITokenDecoder[] decoders)
    {
        (_model, _normalizers, _preTokenizer, _decoders) = (model, normalizers, preTokenizer, decoders);
        foreach (var token in added)
        {
            _addedIds[token.Content] = token.Id;
            _added[token.Id] = token;
            if (!token.IsPlainText)
            {
                _marks.Add(token.Id);
            }
        }

        _beforeNormalizing = new AddedTokenSplitter(added.Where(token => !token.Normalized), text => text);
        _afterNormalizing = new AddedTokenSplitter(added.Where(token => token.Normalized), Normalize);
        _plainBeforeNormalizing = new AddedTokenSplitter(added.Where(token => token is { IsPlainText: true, Normalized: false }), text => text);
        _plainAfterNormalizing = new AddedTokenSplitter(added.Where(token => token is { IsPlainText: true, Normalized: true }), Normalize);
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
    /// taken for what they say: text that isn't trusted goes to <see cref="EncodeText"/>.</summary>
    /// <param name="text">Any text; halves of surrogate pairs that stand alone become U+FFFD. Time grows with n · log(n).</param>
    /// <exception cref="MissingRequirementException">The file's regular expression takes too long for it.</exception>
    public IReadOnlyList<int> Encode(string text)
    {
        var ids = new List<int>();
        Encode(text, ids, first: true, _beforeNormalizing, _afterNormalizing, never: null);
        return ids;
    }

    /// <summary>
    /// The ids of a text that isn't trusted. Whatever is written in it is text: it holds no id of a special token, nor of another
    /// mark that the file adds (<c>&lt;think&gt;</c>). Otherwise as <see cref="Encode(string)"/>.
    /// </summary>
    public IReadOnlyList<int> EncodeText(string text) => Encode([new TokenizerPiece(text)]);

    /// <summary>
    /// The ids of tokens and of the texts between them, as <see cref="Encode(string)"/> would have them for all of it in one, but
    /// for what looks like a token in a text: see <see cref="EncodeText"/>.
    /// </summary>
    /// <param name="pieces">Texts that follow each other are one.</param>
    /// <exception cref="MissingRequirementException">There is no such token, or as for <see cref="Encode(string)"/>.</exception>
    public IReadOnlyList<int> Encode(IReadOnlyList<TokenizerPiece> pieces)
    {
        var ids = new List<int>();
        var text = new StringBuilder();
        AddedToken? before = null;
        var first = true;
        foreach (var piece in pieces)
        {
            if (!piece.IsToken)
            {
                text.Append(piece.Text);
                continue;
            }

            var id = IdOf(piece.Text) ?? throw new MissingRequirementException(
                $"The tokenizer can't be used: it has no token '{piece.Text}'. Is chatTemplate the right one in model.json?");
            EncodeBetween(_added.GetValueOrDefault(id));
            ids.Add(id);
        }

        EncodeBetween(null);
        return ids;

        // White space beside a token may belong to it.
        void EncodeBetween(AddedToken? after)
        {
            var between = text.ToString();
            between = before is { RightStrip: true } ? between.TrimStart() : between;
            between = after is { LeftStrip: true } ? between.TrimEnd() : between;
            Encode(between, ids, first, _plainBeforeNormalizing, _plainAfterNormalizing, _marks);
            text.Clear();
            (before, first) = (after, false);
        }
    }

    private void Encode(
        string text, List<int> ids, bool first, AddedTokenSplitter beforeNormalizing, AddedTokenSplitter afterNormalizing, HashSet<int>? never)
    {
        foreach (var section in beforeNormalizing.Split(WellFormed(text)))
        {
            if (section.Id is { } special)
            {
                ids.Add(special);
                first = false;
                continue;
            }

            foreach (var part in afterNormalizing.Split(Normalize(section.Text)))
            {
                if (part.Id is { } added)
                {
                    ids.Add(added);
                }
                else
                {
                    _preTokenizer.Split(part.Text, first, (word, _) => _model.Encode(word, ids, never));
                }

                first = false;
            }
        }
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

/// <summary>A part of what is encoded.</summary>
/// <param name="Text">A text, or a token as the file writes it.</param>
/// <param name="IsToken">Which of both.</param>
public readonly record struct TokenizerPiece(string Text, bool IsToken = false);
