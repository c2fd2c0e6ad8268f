using System.Globalization;
using Omoai.Language.Engines;
using Omoai.Language.Prompts;
using Omoai.Transcripts.Activities;

namespace Omoai.Language.Summaries.Llm;

/// <summary>The prompts of a summary, and the room that they leave in the model's context.</summary>
internal sealed class SummaryPrompts
{
    /// <summary>Tokens that two neighbouring lines may have more than each by itself, and the line's end.</summary>
    public const int LineTokens = 3;

    private const int MaxReplyTokens = 2048;

    /// <summary>
    /// What a prompt must have room for, tokens: less isn't worth a reply, and doesn't hold two lines' labels where a byte is a token.
    /// </summary>
    private const int MinRoom = 64;

    /// <summary>An object's schema that keeps to OpenAI's strict mode: every member required, none besides.</summary>
    private const string Schema = """
        {"type":"object","additionalProperties":false,"required":["title","abstract","keyPoints","topics","chapters"],"properties":{
        "title":{"type":"string"},"abstract":{"type":"string"},
        "keyPoints":{"type":"array","items":{"type":"object","additionalProperties":false,"required":["text","segments"],
        "properties":{"text":{"type":"string"},"segments":{"type":"array","items":{"type":"integer"}}}}},
        "topics":{"type":"array","items":{"type":"object","additionalProperties":false,"required":["text","segment"],
        "properties":{"text":{"type":"string"},"segment":{"type":"integer"}}}},
        "chapters":{"type":"array","items":{"type":"object","additionalProperties":false,"required":["title","firstSegment"],
        "properties":{"title":{"type":"string"},"firstSegment":{"type":"integer"}}}}}}
        """;

    /// <summary>The same in the prompt: not every server holds replies to a schema, nor says so.</summary>
    private const string Shape =
        """{"title":"…","abstract":"…","keyPoints":[{"text":"…","segments":[0]}],"topics":[{"text":"…","segment":0}],"chapters":[{"title":"…","firstSegment":0}]}""";

    private static readonly string[] Names = ["language", "points", "shape", "part"];

    private readonly ILanguageModel _model;
    private readonly LlmSettings _settings;
    private readonly PromptTemplate _summarize;
    private readonly PromptTemplate _reduce;
    private readonly int _replyTokens;
    private readonly Dictionary<string, string> _values;

    /// <summary>Reads the templates.</summary>
    /// <param name="model">Whom they are for.</param>
    /// <param name="settings">How it is used.</param>
    /// <param name="maxKeyPoints">1 or more.</param>
    /// <param name="language">BCP 47 tag of the summary's language; null for what is spoken.</param>
    /// <exception cref="MissingRequirementException">As <see cref="PromptTemplate.Load"/>.</exception>
    public SummaryPrompts(ILanguageModel model, LlmSettings settings, int maxKeyPoints, string? language)
    {
        (_model, _settings) = (model, settings);
        _summarize = PromptTemplate.Load(settings.PromptFolder, "summarize", language, Names);
        _reduce = PromptTemplate.Load(settings.PromptFolder, "reduce", language, Names);
        _replyTokens = Math.Clamp(model.ContextTokens / 4, 1, MaxReplyTokens);
        _values = new Dictionary<string, string>
        {
            ["language"] = LanguageNames.Of(language),
            ["points"] = maxKeyPoints.ToString(CultureInfo.InvariantCulture),
            ["shape"] = Shape,
        };
        SummarizeRoom = Room(Summarize("", 99999, 99999));
        ReduceRoom = Room(Reduce(""));
    }

    /// <summary>Tokens that the lines of a transcript may have in a prompt; 0 where there is no room.</summary>
    public int SummarizeRoom { get; }

    /// <summary>Tokens that summaries of parts may have in a prompt; 0 where there is no room.</summary>
    public int ReduceRoom { get; }

    /// <summary>Asks for a summary of a transcript, or a part of one.</summary>
    /// <param name="text">Its lines.</param>
    /// <param name="part">Which one, from 1.</param>
    /// <param name="parts">Of how many.</param>
    public LlmPrompt Summarize(string text, int part, int parts) =>
        Fill(_summarize, text, string.Create(CultureInfo.InvariantCulture, $"{part}/{parts}"));

    /// <summary>Asks for one summary of several.</summary>
    public LlmPrompt Reduce(string text) => Fill(_reduce, text, "");

    /// <summary>Tokens of a line in a prompt, at least: what <see cref="PromptTemplate.Fill"/> makes of it.</summary>
    public int Count(string line) => _model.CountTokens(line.Replace('<', '‹')) + LineTokens;

    /// <summary>How many words have room on a line after a label: those from a position on, or fewer.</summary>
    /// <param name="label">What the line begins with.</param>
    /// <param name="words">The words, that one space is put between.</param>
    /// <param name="start">The first of them.</param>
    /// <param name="room">Tokens.</param>
    public int Fit(string label, string[] words, int start, int room)
    {
        // A word is a token at least: more than these have no room, however many there are.
        var (fits, tooMany) = (0, Math.Min(words.Length - start, Math.Max(0, room)) + 1);
        for (var next = tooMany - 1; fits + 1 < tooMany; next = (fits + tooMany) / 2)
        {
            (fits, tooMany) = Count(label + string.Join(' ', words, start, next)) <= room ? (next, tooMany) : (fits, next);
        }

        return fits;
    }

    private LlmPrompt Fill(PromptTemplate template, string text, string part) =>
        template.Fill(_replyTokens, new Dictionary<string, string>(_values) { ["text"] = text, ["part"] = part }) with
        {
            Temperature = _settings.Temperature,
            TopP = _settings.TopP,
            Seed = _settings.Seed,
            JsonSchema = Schema,
        };

    private int Room(LlmPrompt empty) =>
        _model.ContextTokens - _replyTokens - _model.CountTokens(empty) - LineTokens is var room and >= MinRoom ? room : 0;
}
