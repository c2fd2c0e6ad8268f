using System.Globalization;
using System.Text;

namespace Omoai.Language.Summaries.Llm;

/// <summary>
/// Reads JSON as language models write it: with commas at the end, bare keys, quotes that nobody escaped, brackets that nobody closed,
/// and an end that is missing. Never throws; takes time in proportion to the text.
/// </summary>
/// <remarks>A value is a list of keys and values, a list of values, a string (numbers, too), or null.</remarks>
internal sealed class LenientJson
{
    private const int MaxDepth = 8;

    private readonly string _text;
    private int _at;
    private int _objects;
    private int _arrays;

    private LenientJson(string text, int start) => (_text, _at) = (text, start);

    /// <summary>The object that begins at a <c>{</c>.</summary>
    public static IReadOnlyList<(string Key, object? Value)> ReadObject(string text, int start) => new LenientJson(text, start).Object();

    private List<(string Key, object? Value)> Object()
    {
        _objects++;
        _at++;
        var members = new List<(string, object?)>();
        while (Next() is { } c)
        {
            if (c == '}')
            {
                _at++;
                break;
            }

            if (c == ']' && _arrays > 0)
            {
                // The object's own bracket is missing.
                break;
            }

            var key = c == '"' ? String() : Token(":,}]\n");
            if (key.Length == 0)
            {
                _at += c == '"' ? 0 : 1;
            }
            else if (Next() == ':')
            {
                _at++;
                members.Add((key, Value()));
            }
        }

        _objects--;
        return members;
    }

    private List<object?> Array()
    {
        _arrays++;
        _at++;
        var items = new List<object?>();
        while (Next() is { } c)
        {
            if (c == ']')
            {
                _at++;
                break;
            }

            if (c == '}' && _objects > 0)
            {
                break;
            }

            var before = _at;
            items.Add(Value());
            _at += _at == before ? 1 : 0;
        }

        _arrays--;
        return items;
    }

    private object? Value()
    {
        switch (Next(commas: false))
        {
            case '{' or '[' when _objects + _arrays >= MaxDepth:
                _at = _text.Length;
                return null;
            case '{':
                return Object();
            case '[':
                return Array();
            case '"':
                return String();
            default:
                return Token(",}]\n") is { Length: > 0 } token && token != "null" ? token : null;
        }
    }

    /// <summary>What stands here after white space, and commas; null at the end.</summary>
    private char? Next(bool commas = true)
    {
        while (_at < _text.Length && (char.IsWhiteSpace(_text[_at]) || (commas && _text[_at] == ',')))
        {
            _at++;
        }

        return _at < _text.Length ? _text[_at] : null;
    }

    private string Token(string ends)
    {
        var length = _text.AsSpan(_at).IndexOfAny(ends);
        var token = _text.AsSpan(_at, length < 0 ? _text.Length - _at : length);
        _at += token.Length;
        return token.Trim().Trim('\'').ToString();
    }

    /// <summary>Of a string that is open at the end, only whole sentences.</summary>
    private string String()
    {
        var result = new StringBuilder();
        for (_at++; _at < _text.Length; _at++)
        {
            var c = _text[_at];
            if (c == '"' && Closes())
            {
                _at++;
                return result.ToString();
            }

            if (c == '\\' && _at + 1 < _text.Length)
            {
                _at++;
                result.Append(Escaped());
            }
            else
            {
                result.Append(c);
            }
        }

        return ShownText.WholeSentences(result.ToString());
    }

    /// <summary>Whether a quote is followed by what follows a string: others are part of it.</summary>
    private bool Closes()
    {
        var next = _at + 1;
        while (next < _text.Length && char.IsWhiteSpace(_text[next]))
        {
            next++;
        }

        return next == _text.Length || _text[next] is ',' or ':' or '}' or ']' or '`';
    }

    private char Escaped()
    {
        switch (_text[_at])
        {
            case 'n':
                return '\n';
            case 'r' or 't' or 'b' or 'f':
                return ' ';
            case 'u' when _at + 4 < _text.Length
                && ushort.TryParse(_text.AsSpan(_at + 1, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var code):
                _at += 4;
                return (char)code;
            default:
                return _text[_at];
        }
    }
}
