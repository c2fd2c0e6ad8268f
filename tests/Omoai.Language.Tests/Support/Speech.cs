using Omoai.Transcripts;

namespace Omoai.Language.Tests.Support;

/// <summary>Recognised words made by hand.</summary>
internal static class Speech
{
    public const double WordSeconds = 0.3;
    public const double Gap = 0.05;

    /// <summary>
    /// Words of 0.3 s with 0.05 s between them; <c>/</c> stands for 0.7 s of silence, <c>//</c> for 2 s, each besides the 0.05 s.
    /// </summary>
    public static Word[] Say(string text, double confidence = 0.9)
    {
        var words = new List<Word>();
        var time = 1.0;
        foreach (var token in text.Split((char[])[' ', '\n', '\r'], StringSplitOptions.RemoveEmptyEntries))
        {
            switch (token)
            {
                case "/":
                    time += 0.7;
                    break;
                case "//":
                    time += 2;
                    break;
                default:
                    words.Add(new Word(token, Math.Round(time, 3), Math.Round(time + WordSeconds, 3), confidence));
                    time += WordSeconds + Gap;
                    break;
            }
        }

        return [.. words];
    }

    /// <summary>Written text as it is spoken: bare words, / for a sentence's end and // for a paragraph's.</summary>
    public static Word[] Read(string written)
    {
        var spoken = written.ReplaceLineEndings("\n").Replace("\n\n", " // ").ToLowerInvariant().Replace(",", "")
            .Replace(". //", " //").Replace("? //", " //").Replace(".", " /").Replace("?", " /");
        return Say(spoken);
    }
}
