using Omoai.Language.Punctuation;

namespace Omoai.Language.Tests.Support;

/// <summary>A tagger whose opinions are a function.</summary>
internal sealed class FakeTagger(
    Func<IReadOnlyList<string>, IReadOnlyList<float>, IReadOnlyList<WordTag>> tag, int maxWords = 256, string language = "en")
    : IWordTagger
{
    public static readonly WordTag Nothing = new("", WordCase.Lower);

    public List<int> CallLengths { get; } = [];

    public string Name => "fake";

    public string Language => language;

    public int MaxWords => maxWords;

    public IReadOnlyList<WordTag> Tag(IReadOnlyList<string> words, IReadOnlyList<float> pauses)
    {
        CallLengths.Add(words.Count);
        return tag(words, pauses);
    }

    /// <summary>Knows the written text: gives each word the mark and the case it has there.</summary>
    public static FakeTagger Knowing(string written)
    {
        var tokens = written.Split((char[])[' ', '\n', '\r'], StringSplitOptions.RemoveEmptyEntries);
        var next = 0;
        return new FakeTagger(
            (words, _) => [.. words.Select(word =>
            {
                var token = tokens[next++];
                Assert.Equal(word, token.TrimEnd('.', ',', '?').ToLowerInvariant());
                return new WordTag(token[word.Length..], char.IsUpper(token[0]) ? WordCase.Capitalised : WordCase.Lower);
            })],
            maxWords: int.MaxValue / 2);
    }
}
