using System.Security.Cryptography;

namespace Omoai.EndToEnd.TestHost;

/// <summary>What the test host takes for a recording: bytes that say how it is to behave, and that its words follow from.</summary>
internal static class Recording
{
    private const int Words = 8;

    /// <summary>Prepare crashes on it.</summary>
    public static byte[] Poison(int number) => Create("POISON", number);

    /// <summary>Transcribe starts a process of its own on it, and never ends.</summary>
    public static byte[] Sleep(int number) => Create("SLEEP", number);

    /// <summary>Works.</summary>
    public static byte[] Good(int number) => Create("GOOD", number);

    public static bool IsPoison(ReadOnlySpan<byte> recording) => recording.StartsWith("POISON"u8);

    public static bool IsSleep(ReadOnlySpan<byte> recording) => recording.StartsWith("SLEEP"u8);

    /// <summary>The words that are heard in it.</summary>
    public static IReadOnlyList<string> WordsOf(ReadOnlySpan<byte> recording) =>
        [.. SHA256.HashData(recording).Chunk(SHA256.HashSizeInBytes / Words).Select(bytes =>
            string.Concat(bytes.SelectMany(value => new[] { (char)('a' + (value >> 4)), (char)('a' + (value & 15)) })))];

    /// <summary>What transcript.txt has to say: they fit on one line.</summary>
    public static string TextOf(ReadOnlySpan<byte> recording) => string.Join(' ', WordsOf(recording)) + "\n";

    // The zero keeps it from being taken for a text.
    private static byte[] Create(string kind, int number) =>
        System.Text.Encoding.UTF8.GetBytes(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{kind}\0 recording {number}"));
}
