using Omoai.Transcripts.Alignment;

namespace Omoai.Transcripts.Quality;

/// <summary>How far a hypothesis is from a reference, in edits of an alignment with the fewest.</summary>
/// <param name="Substitutions">Tokens that are others in the hypothesis.</param>
/// <param name="Insertions">Tokens that only the hypothesis has.</param>
/// <param name="Deletions">Tokens that only the reference has.</param>
/// <param name="ReferenceLength">Tokens of the reference.</param>
public sealed record ErrorRate(int Substitutions, int Insertions, int Deletions, int ReferenceLength)
{
    /// <summary>All edits.</summary>
    public int Errors => Substitutions + Insertions + Deletions;

    /// <summary>
    /// <see cref="Errors"/> for each token of the reference; insertions can take it above 1. Against an empty reference
    /// it is 0 without errors and 1 with any, so that it stays a number that JSON can hold.
    /// </summary>
    public double Rate => ReferenceLength > 0 ? (double)Errors / ReferenceLength : Errors > 0 ? 1 : 0;

    /// <summary>Counts the edits of an alignment.</summary>
    public static ErrorRate Of(IReadOnlyList<Edit> edits)
    {
        var counts = new int[4];
        foreach (var edit in edits)
        {
            counts[(int)edit.Kind]++;
        }

        var (substitutions, deletions) = (counts[(int)EditKind.Substitute], counts[(int)EditKind.Delete]);
        return new ErrorRate(
            substitutions,
            counts[(int)EditKind.Insert],
            deletions,
            counts[(int)EditKind.Equal] + substitutions + deletions);
    }
}
