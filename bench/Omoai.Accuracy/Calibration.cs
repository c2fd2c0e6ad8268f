using System.Text;

namespace Omoai.Accuracy;

/// <summary>What the words' confidence is worth: of words of a like confidence, how many are right.</summary>
internal sealed class Calibration
{
    private const int Bins = 10;
    private const int BarLength = 50;

    private readonly RecognisedWord[] words;

    public Calibration(IEnumerable<RecognisedWord> words) => this.words = [.. words.OrderBy(word => word.Confidence)];

    /// <summary>The share of all wrong words that the fifth with the lowest confidence holds.</summary>
    public double ErrorsInLowestFifth => (double)Wrong(words[..(words.Length / 5)]) / Wrong(words);

    /// <summary>A table with a bar for each tenth of the words, from the least to the most confident.</summary>
    public override string ToString()
    {
        var text = new StringBuilder("tenth of the words   confidence   right   # right, | confidence\n");
        for (var bin = 0; bin < Bins; bin++)
        {
            var part = words[(words.Length * bin / Bins)..(words.Length * (bin + 1) / Bins)];
            var (confidence, right) = (part.Average(word => word.Confidence), part.Average(word => word.Right ? 1.0 : 0.0));
            var bar = new string('#', (int)Math.Round(right * BarLength)).PadRight(BarLength + 1).ToCharArray();
            bar[(int)Math.Round(confidence * BarLength)] = '|';
            text.Append($"{bin + 1,20}   {confidence,10:F3}   {right,5:F3}   {new string(bar).TrimEnd()}\n");
        }

        text.Append($"{words.Length:N0} words, {Wrong(words):N0} of them wrong; ");
        text.Append($"the least confident fifth holds {ErrorsInLowestFifth:P0} of these.");
        return text.ToString();
    }

    private static int Wrong(RecognisedWord[] words) => words.Count(word => !word.Right);
}
