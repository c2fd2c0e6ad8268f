namespace Omoai.Transcripts.Models;

/// <summary>A Whisper model as Hugging Face Optimum exports it: an encoder, and a decoder with or without a cache.</summary>
/// <param name="Encoder">File of the encoder's graph: <c>input_features</c> float [batch, bins, frames] to <c>last_hidden_state</c>.</param>
/// <param name="Decoder">File of the decoder's graph; where it has <c>use_cache_branch</c> it is a merged one.</param>
/// <param name="Tokenizer">File of the tokenizer, <c>tokenizer.json</c>.</param>
public sealed record WhisperSettings(string Encoder, string Decoder, string Tokenizer)
{
    /// <summary>File of the decoder that takes a cache, beside one that takes none; null for a merged one or to go without a cache.</summary>
    public string? DecoderWithPast { get; init; }

    /// <summary>File with the suppressed tokens and the alignment heads: <c>generation_config.json</c>, or an older model's
    /// <c>config.json</c>; null to go without.</summary>
    public string? Generation { get; init; }

    /// <summary><c>transcribe</c>, or <c>translate</c> into English.</summary>
    public string Task { get; init; } = "transcribe";

    /// <summary>Stretches that are decoded together, 1 to 64. More is faster on a GPU and takes more of its memory. Kernels may then round
    /// differently, so that a word that was a near tie can come out differently; dynamically quantized graphs (int8) scale a batch as
    /// one, so for them it should stay 1.</summary>
    public int Batch { get; init; } = 1;
}
