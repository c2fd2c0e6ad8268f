using System.Text;

namespace Omoai.Transcripts.Tokenizers;

/// <summary>
/// GPT-2's way to write bytes as visible characters: those of Latin-1 that can be seen stand for themselves, the others
/// are U+0100 and following, in order.
/// </summary>
public static class ByteAlphabet
{
    private static readonly char[] Letters = new char[256];
    private static readonly Dictionary<char, byte> Bytes = [];

    static ByteAlphabet()
    {
        var invisible = '\u0100';
        for (var value = 0; value < 256; value++)
        {
            var letter = value is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or >= 0xAE ? (char)value : invisible++;
            Letters[value] = letter;
            Bytes[letter] = (byte)value;
        }
    }

    public static char Letter(byte value) => Letters[value];

    /// <summary>The byte that a letter stands for; false where it stands for none.</summary>
    public static bool TryRead(char letter, out byte value) => Bytes.TryGetValue(letter, out value);

    public static string Write(ReadOnlySpan<byte> bytes)
    {
        var text = new char[bytes.Length];
        for (var i = 0; i < text.Length; i++)
        {
            text[i] = Letters[bytes[i]];
        }

        return new string(text);
    }

    /// <summary>Adds the bytes that a token writes; those of its own text in UTF-8 where it isn't written in this alphabet.</summary>
    public static void Read(string token, List<byte> bytes)
    {
        if (token.All(Bytes.ContainsKey))
        {
            bytes.AddRange(token.Select(letter => Bytes[letter]));
        }
        else
        {
            bytes.AddRange(Encoding.UTF8.GetBytes(token));
        }
    }
}
