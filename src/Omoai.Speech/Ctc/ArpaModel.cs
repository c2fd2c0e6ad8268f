using System.Globalization;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Text;
using Omoai.Transcripts.Activities;
using Omoai.Transcripts.Normalization;

namespace Omoai.Speech.Ctc;

/// <summary>
/// A back-off n-gram model of words in the ARPA format (Jurafsky and Martin, Speech and Language Processing, ch. 3), as a
/// trie of n-grams. A state is the longest run of last words that the model knows as the beginning of an n-gram; so
/// equal states score alike whatever came before.
/// </summary>
/// <remarks>
/// A fresh process reads it before its first word: in one pass over the bytes, into arrays sized by the header, by methods that
/// aren't compiled twice.
/// </remarks>
public sealed class ArpaModel
{
    /// <summary>The state without history.</summary>
    public const int Empty = 0;

    private const int LongestOrder = 10;

    private static readonly double Ln10 = Math.Log(10);

    /// <summary>ln of what a word gets that a model without <c>&lt;unk&gt;</c> doesn't know: 1e-10.</summary>
    private static readonly double Unknown = Math.Log(1e-10);

    private readonly WordTable _words;
    private readonly ChildTable _children;

    // Of each n-gram; the first is the empty one. A suffix is the longest n-gram that it ends with, less its first word at least.
    private readonly double[] _logProbabilities;
    private readonly double[] _backOffs;
    private readonly int[] _suffixes;
    private readonly byte[] _lengths;
    private int _count = 1;

    private ArpaModel(List<int> counts)
    {
        Order = counts.Count;
        var size = counts.Sum() + 1;
        _words = new WordTable(counts[0]);
        _children = new ChildTable(size);
        (_logProbabilities, _backOffs, _suffixes, _lengths) = (new double[size], new double[size], new int[size], new byte[size]);
    }

    /// <summary>The longest n-gram, in words.</summary>
    public int Order { get; }

    /// <summary>The state at the start of a sentence.</summary>
    public int Start { get; private set; }

    /// <summary>Reads a model.</summary>
    /// <param name="text">The text, UTF-8.</param>
    /// <param name="name">What messages call the file.</param>
    /// <exception cref="MissingRequirementException">It isn't a whole model in the ARPA format.</exception>
    public static ArpaModel Read(ReadOnlySpan<byte> text, string name)
    {
        var lines = new Lines(text);
        try
        {
            var counts = ReadCounts(ref lines, text.Length);
            var model = new ArpaModel(counts);
            model.ReadSections(ref lines, counts);
            return model;
        }
        catch (FormatException e)
        {
            throw new MissingRequirementException(
                $"{name} isn't a whole n-gram model (line {lines.Number}): {e.Message} Get the model again.", e);
        }
    }

    /// <summary>The id of a word, that of <c>&lt;unk&gt;</c> for words it doesn't know, or -1 where it hasn't that either.</summary>
    public int WordId(string word) =>
        _words.Find(Encoding.UTF8.GetBytes(word)) is >= 0 and var id ? id : _words.Find("<unk>"u8);

    /// <summary>ln P(word | state): that of the longest known n-gram, plus the back-off weights of longer histories.</summary>
    /// <param name="state">A state: <see cref="Start"/>, or a <paramref name="next"/>.</param>
    /// <param name="word">From <see cref="WordId"/>.</param>
    /// <param name="next">The state after the word.</param>
    public double Score(int state, int word, out int next)
    {
        var backOff = 0.0;
        for (var node = state; ; node = _suffixes[node])
        {
            if (_children.Find(node, word) is > 0 and var child)
            {
                next = After(child);
                return backOff + _logProbabilities[child];
            }

            if (node == Empty)
            {
                next = Empty;
                return backOff + Unknown;
            }

            backOff += _backOffs[node];
        }
    }

    /// <summary>The state after an n-gram: itself, or where none is longer, the longest that it ends with.</summary>
    private int After(int ngram) => _lengths[ngram] < Order ? ngram : _suffixes[ngram];

    private static List<int> ReadCounts(ref Lines lines, int bytes)
    {
        // Text before the header is a comment, by custom.
        do
        {
            lines.Next();
        }
        while (!lines.Current.SequenceEqual("\\data\\"u8));

        var counts = new List<int>();
        for (lines.Next(); lines.Current.StartsWith("ngram "u8); lines.Next())
        {
            var line = Encoding.UTF8.GetString(lines.Current);
            var fields = line["ngram ".Length..].Split('=', StringSplitOptions.TrimEntries);
            if (fields.Length != 2 || !IsCount(fields[0], out var length) || !IsCount(fields[1], out var count)
                || length != counts.Count + 1 || length > LongestOrder)
            {
                throw new FormatException($"'{line}' isn't a count of the next longer n-grams (up to {LongestOrder}).");
            }

            counts.Add(count);
        }

        if (counts.Count == 0)
        {
            throw new FormatException("it has no counts.");
        }

        // A line has a digit, a word, what parts them and its end.
        var sum = counts.Sum(count => (long)count);
        return sum <= bytes / 4 ? counts : throw new FormatException($"it is too short for the {sum} n-grams that it says it has.");

        static bool IsCount(string text, out int count) =>
            int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out count);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void ReadSections(ref Lines lines, List<int> counts)
    {
        for (var length = 1; length <= Order; length++)
        {
            if (!lines.Current.SequenceEqual(Encoding.UTF8.GetBytes($"\\{length}-grams:")))
            {
                throw new FormatException($"\\{length}-grams: should be here.");
            }

            var (count, announced) = (0, counts[length - 1]);
            for (lines.Next(); lines.Current[0] != '\\'; lines.Next())
            {
                if (++count > announced)
                {
                    throw new FormatException($"it has more than the {announced} {length}-grams that it says it has.");
                }

                Add(lines.Current, length);
            }

            if (count != announced)
            {
                throw new FormatException($"it has {count} {length}-grams and says {announced}.");
            }
        }

        if (!lines.Current.SequenceEqual("\\end\\"u8))
        {
            throw new FormatException("\\end\\ should be here.");
        }

        Start = _words.Find("<s>"u8) is >= 0 and var start ? After(_children.Find(Empty, start)) : Empty;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Add(ReadOnlySpan<byte> line, int length)
    {
        var probability = Logarithm(NextField(ref line), length);
        if (probability > 0)
        {
            throw NotAnNgram(length);
        }

        var node = Empty;
        for (var i = 1; i < length; i++)
        {
            node = FindWord(NextField(ref line)) is >= 0 and var id ? _children.Find(node, id) : 0;
            if (node == 0)
            {
                throw new FormatException("its beginning isn't among the shorter n-grams.");
            }
        }

        var field = NextField(ref line);
        if (field.IsEmpty)
        {
            throw NotAnNgram(length);
        }

        var last = length == 1 ? AddWord(field) : FindWord(field);
        if (last < 0)
        {
            throw new FormatException($"'{Encoding.UTF8.GetString(field)}' isn't among the 1-grams.");
        }

        var suffix = Empty;
        if (length > 1)
        {
            // Every word is a 1-gram, so this ends at the empty state at the latest.
            var end = _suffixes[node];
            while ((suffix = _children.Find(end, last)) == 0)
            {
                end = _suffixes[end];
            }
        }

        var backOff = NextField(ref line) is { IsEmpty: false } weight ? Logarithm(weight, length) : 0;
        if (!NextField(ref line).IsEmpty)
        {
            throw NotAnNgram(length);
        }

        if (!_children.TryAdd(node, last, _count))
        {
            throw new FormatException("this n-gram is there twice.");
        }

        (_logProbabilities[_count], _backOffs[_count], _suffixes[_count], _lengths[_count]) =
            (probability * Ln10, backOff * Ln10, suffix, (byte)length);
        _count++;
    }

    private int AddWord(ReadOnlySpan<byte> word)
    {
        var normal = IsPlain(word) ? word : Normal(word);
        var id = _words.Find(normal);
        if (id < 0)
        {
            id = _words.Add(normal);
        }

        return id;
    }

    private int FindWord(ReadOnlySpan<byte> word) =>
        _words.Find(word) is >= 0 and var id ? id : IsPlain(word) ? -1 : _words.Find(Normal(word));

    /// <summary>ASCII is in Unicode's form C as it is.</summary>
    private static bool IsPlain(ReadOnlySpan<byte> word) => Ascii.IsValid(word);

    private static ReadOnlySpan<byte> Normal(ReadOnlySpan<byte> word) =>
        Encoding.UTF8.GetBytes(Nfc.Normalize(Encoding.UTF8.GetString(word)));

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static ReadOnlySpan<byte> NextField(ref ReadOnlySpan<byte> line)
    {
        var start = 0;
        while (start < line.Length && line[start] <= ' ')
        {
            start++;
        }

        var end = start;
        while (end < line.Length && line[end] > ' ')
        {
            end++;
        }

        var field = line[start..end];
        line = line[end..];
        return field;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static double Logarithm(ReadOnlySpan<byte> text, int length)
    {
        // -1.234 is -1234 / 10^3: both are exact, so their quotient is what a parser that rounds correctly gives.
        var (at, negative) = text is [(byte)'-', ..] ? (1, true) : (0, false);
        var (number, digits, decimals) = (0L, 0, -1);
        for (; at < text.Length; at++)
        {
            if (text[at] is >= (byte)'0' and <= (byte)'9' and var digit && digits < 15)
            {
                number = (10 * number) + digit - '0';
                digits++;
                decimals += decimals >= 0 ? 1 : 0;
            }
            else if (text[at] == '.' && decimals < 0)
            {
                decimals = 0;
            }
            else
            {
                break;
            }
        }

        if (at == text.Length && digits > 0)
        {
            var value = decimals > 0 ? number / PowersOfTen[decimals] : number;
            return negative ? -value : value;
        }

        return double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var other) && double.IsFinite(other)
            ? other
            : throw NotAnNgram(length);
    }

    private static ReadOnlySpan<double> PowersOfTen =>
        [1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

    private static FormatException NotAnNgram(int length) =>
        new($"this isn't a logarithm, {length} words and a back-off weight.");

    /// <summary>The lines that aren't empty, less white space around them.</summary>
    private ref struct Lines(ReadOnlySpan<byte> text)
    {
        private ReadOnlySpan<byte> _rest = text.StartsWith("\uFEFF"u8) ? text["\uFEFF"u8.Length..] : text;

        public ReadOnlySpan<byte> Current { get; private set; }

        /// <summary>The number of the current line, from 1.</summary>
        public int Number { get; private set; }

        /// <exception cref="FormatException">There is none.</exception>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Next()
        {
            do
            {
                if (_rest.IsEmpty)
                {
                    throw new FormatException("it ends before \\end\\.");
                }

                var end = _rest.IndexOf((byte)'\n');
                Current = (end < 0 ? _rest : _rest[..end]).Trim(" \t\r\v\f"u8);
                _rest = end < 0 ? [] : _rest[(end + 1)..];
                Number++;
            }
            while (Current.IsEmpty);
        }
    }

    /// <summary>Words to ids, from 0, by their UTF-8.</summary>
    private sealed class WordTable
    {
        private readonly int[] _ids;
        private readonly int[] _ends;
        private byte[] _bytes = new byte[1 << 12];
        private int _count;

        public WordTable(int words)
        {
            // An entry is an id + 1; at most half of them are taken.
            _ids = new int[BitOperations.RoundUpToPowerOf2((uint)Math.Max(2 * words, 2))];
            _ends = new int[words + 1];
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public int Find(ReadOnlySpan<byte> word)
        {
            for (var at = Hash(word); ; at++)
            {
                var id = _ids[at & (_ids.Length - 1)] - 1;
                if (id < 0 || _bytes.AsSpan(_ends[id].._ends[id + 1]).SequenceEqual(word))
                {
                    return id;
                }
            }
        }

        /// <summary>Adds a word that isn't there; no more than were announced.</summary>
        public int Add(ReadOnlySpan<byte> word)
        {
            var at = Hash(word);
            while (_ids[at & (_ids.Length - 1)] != 0)
            {
                at++;
            }

            var (start, end) = (_ends[_count], _ends[_count] + word.Length);
            if (end > _bytes.Length)
            {
                Array.Resize(ref _bytes, Math.Max(end, 2 * _bytes.Length));
            }

            word.CopyTo(_bytes.AsSpan(start));
            _ends[_count + 1] = end;
            _ids[at & (_ids.Length - 1)] = ++_count;
            return _count - 1;
        }

        /// <summary>Seeded anew for each process, so that no file can be made to be slow.</summary>
        private static int Hash(ReadOnlySpan<byte> word)
        {
            var hash = new HashCode();
            hash.AddBytes(word);
            return hash.ToHashCode() & (int.MaxValue >> 1);
        }
    }

    /// <summary>The n-gram that a word makes of a shorter one.</summary>
    private sealed class ChildTable(int ngrams)
    {
        private static readonly ulong Factor = (ulong)Random.Shared.NextInt64() | 1;

        private readonly Entry[] _entries = new Entry[BitOperations.RoundUpToPowerOf2((uint)Math.Max(2 * ngrams, 2))];

        /// <summary>The longer n-gram, or 0.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public int Find(int node, int word)
        {
            var key = Key(node, word);
            for (var at = Slot(key); ; at++)
            {
                ref var entry = ref _entries[at & (_entries.Length - 1)];
                if (entry.Child == 0 || entry.Key == key)
                {
                    return entry.Child;
                }
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public bool TryAdd(int node, int word, int child)
        {
            var key = Key(node, word);
            for (var at = Slot(key); ; at++)
            {
                ref var entry = ref _entries[at & (_entries.Length - 1)];
                if (entry.Child == 0)
                {
                    entry = new Entry(key, child);
                    return true;
                }

                if (entry.Key == key)
                {
                    return false;
                }
            }
        }

        // Both below 2^31, so nothing is lost.
        private static ulong Key(int node, int word) => ((ulong)(uint)node << 32) | (uint)word;

        private static int Slot(ulong key) => (int)((key * Factor) >> 34);

        private readonly record struct Entry(ulong Key, int Child);
    }
}
