namespace Omoai.Transcripts.Models;

/// <summary>
/// A CTC model: a graph from features to scores of tokens. Every input of the graph has its place here, and a name that the graph
/// hasn't is refused: exporters leave out inputs that they don't need.
/// </summary>
/// <param name="Model">File of the ONNX graph.</param>
/// <param name="Input">Name of the input, float32 or float16; its axes are <see cref="Layout"/>.</param>
/// <param name="Output">Name of the output, float32 or float16 [batch, frames, tokens].</param>
/// <param name="Tokens">File of tokens: one a line in the order of their ids, or <c>token id</c> a line, or, named <c>*.json</c>, an
/// object of token to id or an array of tokens.</param>
/// <param name="Blank">Id of the blank.</param>
/// <param name="Subsampling">Feature frames (samples, for a waveform) for each output frame.</param>
public sealed record CtcSettings(string Model, string Input, string Output, string Tokens, int Blank, int Subsampling)
{
    /// <summary>The input's axes: <c>btf</c> (batch, frames, bins), <c>bft</c> (batch, bins, frames), <c>bt</c> (batch, samples).</summary>
    public string Layout { get; init; } = "btf";

    /// <summary>The output holds logits; otherwise natural logarithms of probabilities.</summary>
    public bool Logits { get; init; }

    /// <summary>Name of the input that takes the lengths of a batch, int32 or int64 [batch]; null where there is none, and stretches
    /// of different length then go one by one.</summary>
    public string? LengthInput { get; init; }

    /// <summary>Name of the output that gives the lengths, int32 or int64 [batch]; null to reckon them by <see cref="Subsampling"/>.</summary>
    public string? LengthOutput { get; init; }

    /// <summary>Further inputs, int32 or int64 of one value (for each of the batch, where they have a dimension), by name.</summary>
    public IReadOnlyDictionary<string, long>? Constants { get; init; }

    /// <summary>Which of the <see cref="Constants"/> is the language; null where the graph isn't told one.</summary>
    public string? LanguageInput { get; init; }

    /// <summary>Its values for the languages that can be asked for, by BCP 47 tag.</summary>
    public IReadOnlyDictionary<string, long>? LanguageValues { get; init; }

    /// <summary>Feature frames (samples) that the graph needs at least; a shorter stretch has no words.</summary>
    public int MinFrames { get; init; } = 1;

    /// <summary>Output frames at the start that belong to no audio.</summary>
    public int DropFrames { get; init; }

    /// <summary>How tokens make words: <c>space</c> (<see cref="Space"/> parts them), <c>sentencepiece</c> (a token that begins with ▁
    /// begins a word; ▁ alone parts them), <c>characters</c> (the same, and each token of Chinese characters or kana is a word of its
    /// own). Tokens like <c>&lt;unk&gt;</c>, <c>&lt;|en|&gt;</c> and <c>[PAD]</c> write nothing; <c>&lt;0xE1&gt;</c> is a byte of UTF-8.</summary>
    public string Words { get; init; } = "space";

    /// <summary>The token that parts words, for <c>space</c>.</summary>
    public string Space { get; init; } = "<space>";

    /// <summary>The words are put into lower case: for models whose tokens are in capitals.</summary>
    public bool Lowercase { get; init; }

    /// <summary>A second graph from what <see cref="Output"/> gives to the scores; null where one graph does both.</summary>
    public CtcHeadSettings? Head { get; init; }

    /// <summary>How a stretch is run in chunks; null to run it whole.</summary>
    public ChunkSettings? Chunk { get; init; }
}

/// <summary>The output layer of a CTC model as a graph of its own.</summary>
/// <param name="Model">File of the ONNX graph.</param>
/// <param name="Input">Name of its input, float [batch, frames, width].</param>
/// <param name="Output">Name of its output, float [batch, frames, tokens].</param>
public sealed record CtcHeadSettings(string Model, string Input, string Output);

/// <summary>
/// Chunked inference. Lengths in feature frames. A run gets <see cref="Left"/> frames, the chunk's, and <see cref="Right"/> frames; of
/// its output, that of the left ones and what comes after the chunk's is dropped.
/// </summary>
/// <param name="Frames">New frames in a chunk; a multiple of the subsampling.</param>
public sealed record ChunkSettings(int Frames)
{
    /// <summary>Frames before the chunk that are given again; a multiple of the subsampling.</summary>
    public int Left { get; init; }

    /// <summary>Frames after the chunk that are given already: what the graph looks ahead, or takes in to subsample.</summary>
    public int Right { get; init; }

    /// <summary>What fills the last run up to the length of the others, as graphs of fixed length need it; null leaves it short.</summary>
    public double? Pad { get; init; }

    /// <summary>The caches that go from chunk to chunk.</summary>
    public IReadOnlyList<CacheSettings> Caches { get; init; } = [];

    /// <summary>Name of the input that takes the number of output frames before the chunk, int32 or int64; null for none.</summary>
    public string? OffsetInput { get; init; }

    /// <summary>What that number is for the first chunk.</summary>
    public int OffsetStart { get; init; }

    /// <summary>The input that tells which frames of a cache are real; null for none.</summary>
    public ChunkMaskSettings? Mask { get; init; }
}

/// <summary>A cache of a chunked model: it begins as zeros, of the input's type.</summary>
/// <param name="Input">Name of the input. One <c>*</c> stands for any text: all inputs that fit and that have the output.</param>
/// <param name="Output">Name of the output that is the next chunk's input; <c>*</c> is what it is in the input's name.</param>
/// <param name="Shape">Its first shape, 0 among the dimensions for a cache that grows; null takes the graph's, with 1 for open
/// dimensions.</param>
public sealed record CacheSettings(string Input, string Output, IReadOnlyList<int>? Shape = null);

/// <summary>An input bool [1, 1, cache frames + output frames of a chunk]: true where there is a frame.</summary>
/// <param name="Input">Its name.</param>
/// <param name="CacheFrames">Output frames that the cache holds.</param>
public sealed record ChunkMaskSettings(string Input, int CacheFrames);

/// <summary>The prefix beam search of a CTC model.</summary>
/// <param name="Words">File of the words it may write, one a line; null for open vocabulary.</param>
/// <param name="Ngram">File of an n-gram model in ARPA format; null for none.</param>
/// <param name="Beam">Prefixes kept; 1 without words and n-gram is greedy decoding, as is a model without this section. Hot words
/// make it a search of 32 at least.</param>
/// <param name="LmWeight">Multiplies the natural logarithm of the n-gram probability.</param>
/// <param name="WordBonus">Added for each word, to balance what the n-grams take from it; without n-grams nothing is.</param>
public sealed record DecoderSettings(
    string? Words = null, string? Ngram = null, int Beam = 32, double LmWeight = 0.8, double WordBonus = 1.5)
{
    /// <summary>Added for each letter of a hot word that is written whole; 0 to 20.</summary>
    public double HotWordBonus { get; init; } = 1;
}

/// <summary>
/// Makes of a word's raw confidence c a probability that it is right: 1 / (1 + exp(-(slope · ln(c / (1 - c)) + offset))),
/// fitted on speech whose words are known (Platt, "Probabilistic outputs for support vector machines", 1999).
/// </summary>
/// <param name="Slope">Above 0, so that the order of words stays.</param>
/// <param name="Offset">Any.</param>
public sealed record ConfidenceSettings(double Slope, double Offset);
