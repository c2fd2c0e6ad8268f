namespace Omoai.Infra.Tests.Bicep;

/// <summary>Cuts Bicep into tokens: as much of the language as infra/ uses.</summary>
internal static class BicepTokens
{
    public static List<BicepToken> Of(string text)
    {
        var tokens = new List<BicepToken>();
        int at = 0;
        while (at < text.Length)
        {
            char c = text[at];
            if (c == '\n')
            {
                tokens.Add(new(BicepTokenKind.NewLine, "\n"));
                at++;
            }
            else if (char.IsWhiteSpace(c))
            {
                at++;
            }
            else if (At(text, at, "//"))
            {
                at = text.IndexOf('\n', at) is var end and >= 0 ? end : text.Length;
            }
            else if (At(text, at, "/*"))
            {
                at = text.IndexOf("*/", at, StringComparison.Ordinal) + 2;
            }
            else if (c == '\'')
            {
                int end = EndOfString(text, at);
                tokens.Add(new(BicepTokenKind.String, text[(at + 1)..(end - 1)]));
                at = end;
            }
            else if (char.IsLetterOrDigit(c) || c == '_')
            {
                int end = at;
                while (end < text.Length && (char.IsLetterOrDigit(text[end]) || text[end] == '_'))
                {
                    end++;
                }
                tokens.Add(new(BicepTokenKind.Word, text[at..end]));
                at = end;
            }
            else
            {
                tokens.Add(new(BicepTokenKind.Symbol, c.ToString()));
                at++;
            }
        }
        return tokens;
    }

    private static bool At(string text, int at, string what) => string.CompareOrdinal(text, at, what, 0, what.Length) == 0;

    private static int EndOfString(string text, int start)
    {
        Assert.False(At(text, start, "'''"), "Strings of several lines are beyond this parser.");
        int at = start + 1;
        while (text[at] != '\'')
        {
            if (text[at] == '\\')
            {
                at += 2;
            }
            else if (At(text, at, "${"))
            {
                at = EndOfInterpolation(text, at + 2);
            }
            else
            {
                Assert.NotEqual('\n', text[at]);
                at++;
            }
        }
        return at + 1;
    }

    private static int EndOfInterpolation(string text, int at)
    {
        for (int depth = 1; depth > 0;)
        {
            depth += text[at] switch { '{' => 1, '}' => -1, _ => 0 };
            at = text[at] == '\'' ? EndOfString(text, at) : at + 1;
        }
        return at;
    }
}
