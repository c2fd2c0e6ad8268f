using System.Globalization;
using System.Text;
using System.Text.Json;
using Omoai.Transcripts.Activities;

namespace Omoai.Speech.Ctc;

/// <summary>Reads the files that models keep their tokens in.</summary>
public static class TokenFile
{
    private const int MostTokens = 1_000_000;
    private const int MostBytes = 1 << 26;

    /// <summary>The tokens in the order of their ids.</summary>
    /// <param name="content">UTF-8. A name that ends in <c>.json</c>: an object of token to id (Hugging Face's <c>vocab.json</c>), or an
    /// array of tokens. Otherwise a token a line; where each has an id after its last space or tab, the order is that of the ids, and
    /// trailing <c>#0</c>, <c>#1</c>, ..., which Kaldi and k2 use elsewhere, are left out.</param>
    /// <param name="name">The file's name.</param>
    /// <exception cref="MissingRequirementException">It holds no list of tokens.</exception>
    public static IReadOnlyList<string> Read(ReadOnlyMemory<byte> content, string name)
    {
        if (content.Length > MostBytes)
        {
            throw Unusable(name, $"is longer than {MostBytes} bytes");
        }

        var tokens = name.EndsWith(".json", StringComparison.OrdinalIgnoreCase) ? ReadJson(content, name) : ReadLines(content, name);
        return tokens.Count is > 0 and <= MostTokens ? tokens : throw Unusable(name, $"has {tokens.Count} tokens");
    }

    private static List<string> ReadJson(ReadOnlyMemory<byte> content, string name)
    {
        try
        {
            using var document = JsonDocument.Parse(content);
            return document.RootElement.ValueKind == JsonValueKind.Array
                ? [.. document.RootElement.EnumerateArray().Select(token => token.GetString() ?? "")]
                : InOrder(document.RootElement.EnumerateObject().Select(token => (token.Name, token.Value.GetInt64())), name);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            throw Unusable(name, $"isn't an object of token to id, or an array of tokens ({e.Message})");
        }
    }

    private static List<string> ReadLines(ReadOnlyMemory<byte> content, string name)
    {
        var text = Encoding.UTF8.GetString(content.Span).TrimStart('\uFEFF');
        var lines = text.Split('\n').Select(line => line.TrimEnd('\r')).ToList();
        if (lines[^1].Length == 0)
        {
            lines.RemoveAt(lines.Count - 1);
        }

        var numbered = new List<(string, long)>();
        foreach (var line in lines)
        {
            var at = line.AsSpan().LastIndexOfAny(' ', '\t');
            if (at < 0 || !long.TryParse(line.AsSpan(at + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var id))
            {
                return lines;
            }

            // 'a  0' may be 'a' and two spaces; '  0' is the space itself.
            numbered.Add((line[..at] is var token && string.IsNullOrWhiteSpace(token) ? token : token.Trim(), id));
        }

        var tokens = InOrder(numbered, name);
        while (tokens.Count > 1 && tokens[^1] is ['#', .. var digits] && digits.Length > 0 && digits.All(char.IsAsciiDigit))
        {
            tokens.RemoveAt(tokens.Count - 1);
        }

        return tokens;
    }

    private static List<string> InOrder(IEnumerable<(string Token, long Id)> numbered, string name)
    {
        var list = numbered.OrderBy(token => token.Id).ToList();
        for (var id = 0; id < list.Count; id++)
        {
            if (list[id].Id != id)
            {
                throw Unusable(name, $"has no token {id}, or more than one");
            }
        }

        return list.ConvertAll(token => token.Token);
    }

    private static MissingRequirementException Unusable(string name, string why) =>
        new($"The model's {name} {why}. Get the model again, or correct the file and its size and SHA-256 in model.json.");
}
