using System.Buffers;
using System.Text;

namespace Omoai.Transcripts.Tokenizers;

/// <summary>Byte-pair encoding: a word's symbols, and the pairs of them that are merged, the first of the list first.</summary>
internal sealed class BytePairModel
{
    private readonly Dictionary<string, int> _ids;
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _lookup;
    private readonly Dictionary<long, (int Rank, int Id)> _merges;
    private readonly string?[] _tokens;
    private readonly BytePairOptions _options;

    /// <summary>For each byte the id of the token that writes it, or -1.</summary>
    private readonly int[] _byteIds;

    /// <param name="ids">The vocabulary, ids from 0.</param>
    /// <param name="count">One more than the highest id.</param>
    /// <param name="merges">By <see cref="Pair"/>: which comes first, and what the two make.</param>
    /// <param name="options">What else the file says.</param>
    public BytePairModel(
        Dictionary<string, int> ids, int count, Dictionary<long, (int Rank, int Id)> merges, BytePairOptions options)
    {
        (_ids, _merges, _options) = (ids, merges, options);
        _lookup = ids.GetAlternateLookup<ReadOnlySpan<char>>();
        _tokens = new string?[count];
        foreach (var (token, id) in ids)
        {
            _tokens[id] = token;
        }

        _byteIds = [.. Enumerable.Range(0, 256).Select(value =>
            ids.GetValueOrDefault(options.ByteLevel ? ByteAlphabet.Letter((byte)value).ToString() : $"<0x{value:X2}>", -1))];
    }

    /// <summary>One more than the highest id.</summary>
    public int Count => _tokens.Length;

    /// <summary>Two neighbours as the key of a merge.</summary>
    public static long Pair(int left, int right) => ((long)left << 32) | (uint)right;

    public int? IdOf(string token) => _ids.TryGetValue(token, out var id) ? id : null;

    public string? TokenOf(int id) => id >= 0 && id < _tokens.Length ? _tokens[id] : null;

    /// <summary>Adds the ids of a word.</summary>
    /// <param name="word">Without lone halves of surrogate pairs.</param>
    /// <param name="ids">What they are added to.</param>
    /// <param name="never">Ids that no word and no pair becomes; null for none.</param>
    public void Encode(ReadOnlySpan<char> word, List<int> ids, IReadOnlySet<int>? never)
    {
        var bytes = ArrayPool<byte>.Shared.Rent(Encoding.UTF8.GetMaxByteCount(word.Length));
        var symbols = ArrayPool<int>.Shared.Rent(bytes.Length);
        var utf8 = bytes.AsSpan(0, Encoding.UTF8.GetBytes(word, bytes));
        if (_options.IgnoreMerges && _lookup.TryGetValue(_options.ByteLevel ? ByteAlphabet.Write(utf8) : word, out var whole)
            && never?.Contains(whole) != true)
        {
            ids.Add(whole);
        }
        else
        {
            var count = _options.ByteLevel ? BytesToSymbols(utf8, symbols) : CharactersToSymbols(word, symbols);
            Merge(symbols.AsSpan(0, count), ids, never);
        }

        ArrayPool<byte>.Shared.Return(bytes);
        ArrayPool<int>.Shared.Return(symbols);
    }

    private int BytesToSymbols(ReadOnlySpan<byte> bytes, Span<int> symbols)
    {
        var count = 0;
        foreach (var value in bytes)
        {
            AddSymbol(_byteIds[value], symbols, ref count);
        }

        return count;
    }

    private int CharactersToSymbols(ReadOnlySpan<char> word, Span<int> symbols)
    {
        var count = 0;
        Span<byte> bytes = stackalloc byte[4];
        for (var at = 0; at < word.Length;)
        {
            Rune.DecodeFromUtf16(word[at..], out var rune, out var length);
            if (!_lookup.TryGetValue(word.Slice(at, length), out var id))
            {
                id = -1;
                var utf8 = bytes[..rune.EncodeToUtf8(bytes)];
                if (_options.ByteFallback && HasAll(utf8))
                {
                    foreach (var value in utf8)
                    {
                        symbols[count++] = _byteIds[value];
                    }

                    at += length;
                    continue;
                }
            }

            AddSymbol(id, symbols, ref count);
            at += length;
        }

        return count;
    }

    private bool HasAll(ReadOnlySpan<byte> bytes)
    {
        foreach (var value in bytes)
        {
            if (_byteIds[value] < 0)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>What isn't in the vocabulary (-1) is the unknown token, one for a run of them if so wanted, or nothing.</summary>
    private void AddSymbol(int id, Span<int> symbols, ref int count)
    {
        if (id < 0)
        {
            if (_options.Unknown is not { } unknown || (_options.FuseUnknown && count > 0 && symbols[count - 1] == unknown))
            {
                return;
            }

            id = unknown;
        }

        symbols[count++] = id;
    }

    /// <summary>
    /// Merges as long as there is a pair to merge: the first in the list of merges, and of several of these the leftmost.
    /// Symbols are a linked list and pairs wait in a heap, so that a word of n symbols takes n · log(n) steps.
    /// </summary>
    private void Merge(Span<int> symbols, List<int> ids, IReadOnlySet<int>? never)
    {
        var next = ArrayPool<int>.Shared.Rent(symbols.Length + 1);
        var previous = ArrayPool<int>.Shared.Rent(symbols.Length + 1);
        var waiting = new PriorityQueue<(int At, int Id), long>();
        for (var i = 0; i < symbols.Length; i++)
        {
            (previous[i], next[i]) = (i - 1, i + 1);
            if (i > 0)
            {
                Offer(symbols, i - 1, i);
            }
        }

        while (waiting.TryDequeue(out var merge, out _))
        {
            // A pair that waited may be gone (-1), and what is there now may make something else.
            var right = next[merge.At];
            if (right == symbols.Length
                || !_merges.TryGetValue(Pair(symbols[merge.At], symbols[right]), out var now) || now.Id != merge.Id)
            {
                continue;
            }

            symbols[merge.At] = merge.Id;
            symbols[right] = -1;
            var after = next[merge.At] = next[right];
            if (after < symbols.Length)
            {
                previous[after] = merge.At;
                Offer(symbols, merge.At, after);
            }

            if (previous[merge.At] is var before and >= 0)
            {
                Offer(symbols, before, merge.At);
            }
        }

        for (var i = 0; i < symbols.Length; i = next[i])
        {
            ids.Add(symbols[i]);
        }

        ArrayPool<int>.Shared.Return(next);
        ArrayPool<int>.Shared.Return(previous);

        void Offer(ReadOnlySpan<int> symbols, int left, int right)
        {
            if (_merges.TryGetValue(Pair(symbols[left], symbols[right]), out var merge) && never?.Contains(merge.Id) != true)
            {
                waiting.Enqueue((left, merge.Id), Pair(merge.Rank, left));
            }
        }
    }
}

/// <summary>How a byte-pair model takes what isn't in its vocabulary.</summary>
/// <param name="ByteLevel">Its symbols are bytes, written in the <see cref="ByteAlphabet"/>; otherwise characters.</param>
/// <param name="ByteFallback">A character that is missing is its bytes, <c>&lt;0x0A&gt;</c>.</param>
/// <param name="Unknown">Id for what is missing; null leaves it out.</param>
/// <param name="FuseUnknown">One for several of them in a row.</param>
/// <param name="IgnoreMerges">A word that is in the vocabulary is that token, whatever the merges would make of it.</param>
internal sealed record BytePairOptions(bool ByteLevel, bool ByteFallback, int? Unknown, bool FuseUnknown, bool IgnoreMerges);
