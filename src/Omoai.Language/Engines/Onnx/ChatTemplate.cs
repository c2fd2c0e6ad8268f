using Omoai.Transcripts.Activities;
using Omoai.Transcripts.Tokenizers;

namespace Omoai.Language.Engines.Onnx;

/// <summary>The ids of a chat up to where the reply begins; see <see cref="ChatTemplate.Encode"/>.</summary>
internal delegate int[] ChatEncoder(Tokenizer tokenizer, string system, string user);

/// <summary>How a family of models writes a chat.</summary>
internal sealed class ChatTemplate
{
    private const string Place = "{}";

    private readonly ChatFamily _family;

    private ChatTemplate(ChatFamily family) => _family = family;

    /// <summary>The template of a family, by its name in <c>model.json</c>.</summary>
    /// <exception cref="MissingRequirementException">There is none of that name.</exception>
    public static ChatTemplate Of(string name) => new(ChatFamily.Find(name) ?? throw new MissingRequirementException(
        $"The chat template '{name}' of model.json isn't known to this version (known: {string.Join(", ", ChatFamily.All.Select(family => family.Name))})."));

    /// <summary>The ids of a chat up to where the reply begins. What looks like a special token in the two texts is taken for text.</summary>
    /// <param name="tokenizer">The model's.</param>
    /// <param name="system">What the model is to do; white space only leaves it out.</param>
    /// <param name="user">What it is to do that with.</param>
    /// <exception cref="MissingRequirementException">The tokenizer has not the tokens of the family.</exception>
    public int[] Encode(Tokenizer tokenizer, string system, string user)
    {
        var pieces = new List<TokenizerPiece>();
        if (_family.OptionalStart.FirstOrDefault(token => tokenizer.IdOf(token) is not null) is { } start)
        {
            pieces.Add(new TokenizerPiece(start, IsToken: true));
        }

        AddMarks(_family.Start);
        if (!string.IsNullOrWhiteSpace(system))
        {
            Add(_family.System, _family.TrimSystem ? system.Trim() : system);
        }

        Add(_family.User, _family.TrimUser ? user.Trim() : user);
        return [.. tokenizer.Encode(pieces)];

        void Add(string turn, string text)
        {
            var place = turn.IndexOf(Place, StringComparison.Ordinal);
            AddMarks(turn[..place]);
            pieces.Add(new TokenizerPiece(text));
            AddMarks(turn[(place + Place.Length)..]);
        }

        void AddMarks(string marks)
        {
            while (FirstToken(marks) is { } token)
            {
                var at = marks.IndexOf(token, StringComparison.Ordinal);
                pieces.Add(new TokenizerPiece(marks[..at]));
                pieces.Add(new TokenizerPiece(token, IsToken: true));
                marks = marks[(at + token.Length)..];
            }

            pieces.Add(new TokenizerPiece(marks));
        }

        string? FirstToken(string marks) => _family.Tokens.Where(token => marks.Contains(token, StringComparison.Ordinal))
            .MinBy(token => marks.IndexOf(token, StringComparison.Ordinal));
    }
}
