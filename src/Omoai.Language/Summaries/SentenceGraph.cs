namespace Omoai.Language.Summaries;

/// <summary>
/// Sentences as vectors of TF-IDF weights, and the sparse graph of those that resemble each other.
/// </summary>
/// <remarks>
/// Source: Erkan and Radev, "LexRank: Graph-based Lexical Centrality as Salience in Text Summarization", JAIR 22, 2004.
/// Similarities come from an inverted index, and what grows with the square of the text is bounded: a term in more than
/// <see cref="MaxPostings"/> sentences relates none of them, and a sentence keeps its <see cref="MaxNeighbours"/> nearest.
/// </remarks>
internal sealed class SentenceGraph
{
    /// <summary>The most neighbours of a sentence.</summary>
    public const int MaxNeighbours = 20;

    /// <summary>A term in more sentences than this relates none of them.</summary>
    public const int MaxPostings = 512;

    /// <summary>Less alike than this isn't alike (cosine).</summary>
    private const double MinSimilarity = 0.1;

    private const double Damping = 0.85;
    private const double Tolerance = 1e-8;
    private const int MaxIterations = 100;

    private readonly (int Term, double Weight)[][] vectors;
    private readonly (int Sentence, double Similarity)[][] neighbours;

    private SentenceGraph((int, double)[][] vectors, (int, double)[][] neighbours, long comparisons)
    {
        ComparisonCount = comparisons;
        this.vectors = vectors;
        this.neighbours = neighbours;
    }

    /// <summary>How many relations between sentences are kept.</summary>
    public int EdgeCount => neighbours.Sum(list => list.Length);

    /// <summary>How many pairs of equal terms were looked at to find them.</summary>
    public long ComparisonCount { get; }

    /// <summary>Builds the graph.</summary>
    /// <param name="sentences">The terms of each sentence, with repetitions; may be empty.</param>
    /// <param name="cancellation">Stops it.</param>
    public static SentenceGraph Build(IReadOnlyList<IReadOnlyList<string>> sentences, CancellationToken cancellation)
    {
        var termIds = new Dictionary<string, int>(StringComparer.Ordinal);
        var postings = new List<List<int>>();
        var counts = new List<(int Term, int Count)[]>();
        for (var sentence = 0; sentence < sentences.Count; sentence++)
        {
            var own = new SortedDictionary<int, int>();
            foreach (var term in sentences[sentence])
            {
                if (!termIds.TryGetValue(term, out var id))
                {
                    termIds[term] = id = postings.Count;
                    postings.Add([]);
                }

                own[id] = own.GetValueOrDefault(id) + 1;
            }

            foreach (var id in own.Keys)
            {
                postings[id].Add(sentence);
            }

            counts.Add([.. own.Select(entry => (entry.Key, entry.Value))]);
        }

        var idf = postings.Select(list => Math.Log(1 + (double)sentences.Count / list.Count)).ToArray();
        var vectors = counts.Select(own =>
        {
            var norm = Math.Sqrt(own.Sum(entry => Math.Pow(entry.Count * idf[entry.Term], 2)));
            return own.Select(entry => (entry.Term, Weight: entry.Count * idf[entry.Term] / norm)).ToArray();
        }).ToArray();

        var weightedPostings = postings.Select(list => new List<(int Sentence, double Weight)>(list.Count)).ToArray();
        for (var sentence = 0; sentence < vectors.Length; sentence++)
        {
            foreach (var (term, weight) in vectors[sentence])
            {
                weightedPostings[term].Add((sentence, weight));
            }
        }

        var comparisons = 0L;
        var similarity = new double[vectors.Length];
        var touched = new List<int>();
        var neighbours = new (int, double)[vectors.Length][];
        for (var sentence = 0; sentence < vectors.Length; sentence++)
        {
            cancellation.ThrowIfCancellationRequested();
            foreach (var (term, weight) in vectors[sentence])
            {
                if (weightedPostings[term].Count > MaxPostings)
                {
                    continue;
                }

                comparisons += weightedPostings[term].Count;
                foreach (var (other, otherWeight) in weightedPostings[term])
                {
                    if (similarity[other] == 0)
                    {
                        touched.Add(other);
                    }

                    similarity[other] += weight * otherWeight;
                }
            }

            neighbours[sentence] =
            [
                .. touched.Where(other => other != sentence && similarity[other] >= MinSimilarity)
                    .Select(other => (other, similarity[other]))
                    .OrderByDescending(entry => entry.Item2).ThenBy(entry => entry.other)
                    .Take(MaxNeighbours),
            ];
            foreach (var other in touched)
            {
                similarity[other] = 0;
            }

            touched.Clear();
        }

        return new SentenceGraph(vectors, neighbours, comparisons);
    }

    /// <summary>Cosine of two sentences, 0 to 1.</summary>
    public double Similarity(int first, int second)
    {
        var (a, b) = (vectors[first], vectors[second]);
        var sum = 0.0;
        for (int i = 0, j = 0; i < a.Length && j < b.Length;)
        {
            switch (a[i].Term.CompareTo(b[j].Term))
            {
                case < 0:
                    i++;
                    break;
                case > 0:
                    j++;
                    break;
                default:
                    sum += a[i++].Weight * b[j++].Weight;
                    break;
            }
        }

        return sum;
    }

    /// <summary>How central each sentence is: the stationary distribution of a random walk, times the number of sentences.</summary>
    public double[] Rank()
    {
        var count = neighbours.Length;
        var totals = neighbours.Select(list => list.Sum(entry => entry.Similarity)).ToArray();
        var rank = Enumerable.Repeat(1.0, count).ToArray();
        for (var iteration = 0; iteration < MaxIterations; iteration++)
        {
            // A sentence without neighbours hands its rank to all.
            var lonely = Enumerable.Range(0, count).Where(i => totals[i] == 0).Sum(i => rank[i]) / Math.Max(1, count);
            var next = Enumerable.Repeat(1 - Damping + Damping * lonely, count).ToArray();
            for (var i = 0; i < count; i++)
            {
                foreach (var (other, weight) in neighbours[i])
                {
                    next[other] += Damping * rank[i] * weight / totals[i];
                }
            }

            var change = rank.Zip(next, (before, after) => Math.Abs(after - before)).Sum() / Math.Max(1, count);
            rank = next;
            if (change < Tolerance)
            {
                break;
            }
        }

        return rank;
    }
}
