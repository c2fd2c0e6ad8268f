namespace Omoai.Generation;

/// <summary>Made-up English: common words are common, as Zipf's law has it, and the rare ones are made of syllables.</summary>
internal sealed class Vocabulary
{
    private const string Common =
        "the of and to a in that is was it for on with as be at by this had not are but from or have an they which one you were all her she " +
        "there would their we him been has when who will no more if out so up said what its about than into them can only other time new some " +
        "could these two may first then do any like my now over such our man me even most made after also did many off before must well back " +
        "through years much where your way down should because long each just state those people how too little good world make very year still " +
        "see work life get day team week report customer release question plan number meeting result budget region project";

    private readonly string[] _words;
    private readonly double[] _sums;

    /// <param name="random">What makes them.</param>
    /// <param name="count">How many different words.</param>
    /// <param name="ending">What all of them end with: two vocabularies of different endings have no word in common.</param>
    public Vocabulary(Random random, int count, string ending = "")
    {
        string[] syllables = ["ba", "con", "de", "fer", "gra", "lin", "mo", "na", "per", "quo", "ri", "sta", "tu", "ven", "zel"];
        var words = Common.Split(' ').ToHashSet();
        while (words.Count < count)
        {
            words.Add(string.Concat(Enumerable.Range(0, random.Next(2, 5)).Select(_ => syllables[random.Next(syllables.Length)])));
        }

        _words = [.. words.Take(count).Select(word => word + ending)];
        _sums = new double[count];
        for (var i = 0; i < count; i++)
        {
            _sums[i] = (i > 0 ? _sums[i - 1] : 0) + (1.0 / (i + 10));
        }
    }

    public string Next(Random random)
    {
        var at = Array.BinarySearch(_sums, random.NextDouble() * _sums[^1]);
        return _words[at < 0 ? ~at : at];
    }
}
