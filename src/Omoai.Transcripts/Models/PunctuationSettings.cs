namespace Omoai.Transcripts.Models;

/// <summary>A tagger that gives each word a mark after it and a case.</summary>
/// <param name="Model">File of the ONNX graph: <c>chars</c> int64 [words, <paramref name="WordLength"/>], <c>pauses</c> float32
/// [words] in seconds; <c>punctuation</c> float32 [words, marks] and <c>case</c> float32 [words, cases], logits.</param>
/// <param name="Alphabet">A character's id is 1 + its index here; 0 pads, anything else is the length + 1.</param>
/// <param name="WordLength">Characters of a word that are looked at.</param>
/// <param name="MaxWords">Words in one call, at most.</param>
/// <param name="Marks">The marks, in the order of the logits; empty for none.</param>
/// <param name="Cases"><c>lower</c>, <c>capitalised</c>, <c>upper</c>, in the order of the logits.</param>
public sealed record PunctuationSettings(
    string Model, string Alphabet, int WordLength, int MaxWords, IReadOnlyList<string> Marks, IReadOnlyList<string> Cases);
