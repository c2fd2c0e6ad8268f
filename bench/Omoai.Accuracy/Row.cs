using Omoai.Transcripts.Alignment;
using Omoai.Transcripts.Quality;
using Omoai.Transcripts.Reading;

namespace Omoai.Accuracy;

/// <summary>A row of the table: recordings of one kind, together.</summary>
/// <param name="Folder">Where they are.</param>
/// <param name="Name">What the table calls them.</param>
/// <param name="GreedyErrors">Of the words that greedy decoding gives.</param>
/// <param name="Errors">Of the words of the shipped decoder.</param>
/// <param name="Punctuation">Of the finished transcripts.</param>
/// <param name="Punctuated">Whether what was said is known with its punctuation.</param>
/// <param name="Words">The recognised words.</param>
internal sealed record Row(
    string Folder, string Name, ErrorRate GreedyErrors, ErrorRate Errors, PunctuationScores Punctuation, bool Punctuated,
    IReadOnlyList<RecognisedWord> Words)
{
    public static Row Read(string work, string folder, string name)
    {
        var (greedy, beam, punctuation, punctuated) = (new List<Edit>(), new List<Edit>(), default(PunctuationScores), false);
        var words = new List<RecognisedWord>();
        foreach (var file in Directory.EnumerateFiles(Path.Combine(work, folder), "*.txt").Order(StringComparer.Ordinal))
        {
            var said = File.ReadAllText(file);
            var reference = new NormalizedText(said).Words;
            var transcribed = Transcribed(work, "beam", folder, file);
            var edits = Align(reference, transcribed);
            beam.AddRange(edits);
            greedy.AddRange(Align(reference, Transcribed(work, "greedy", folder, file)));
            punctuation += PunctuationScores.Compare(said, string.Join(' ', transcribed.Select(word => word.Text)));
            punctuated |= said.Contains('.', StringComparison.Ordinal);
            words.AddRange(Bare(transcribed).Zip(
                edits.Where(edit => edit.Kind != EditKind.Delete),
                (word, edit) => new RecognisedWord(word.Confidence, edit.Kind == EditKind.Equal)));
        }

        return new Row(folder, name, ErrorRate.Of(greedy), ErrorRate.Of(beam), punctuation, punctuated, words);
    }

    private static List<Transcripts.Word> Transcribed(string work, string decoder, string folder, string file)
    {
        var path = Path.Combine(work, "out", decoder, folder, Path.GetFileNameWithoutExtension(file), "final.json");
        using var stream = File.OpenRead(path);
        return [.. TranscriptJson.Read(stream).Segments.SelectMany(segment => segment.Words)];
    }

    private static IReadOnlyList<Edit> Align(IReadOnlyList<string> reference, List<Transcripts.Word> transcribed) =>
        SequenceAlignment.Align(reference, Bare(transcribed).Select(word => word.Text).ToList(), StringComparer.Ordinal);

    /// <summary>The words as <see cref="NormalizedText"/> has them: a written word may be two.</summary>
    private static IEnumerable<(string Text, double Confidence)> Bare(IEnumerable<Transcripts.Word> words) =>
        words.SelectMany(word => new NormalizedText(word.Text).Words.Select(text => (text, word.Confidence)));
}

/// <summary>A recognised word.</summary>
internal readonly record struct RecognisedWord(double Confidence, bool Right);
