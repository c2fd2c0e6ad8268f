using Omoai.Language.Summaries;

namespace Omoai.Language.Tests.Summaries;

public sealed class SentenceGraphTests
{
    [Fact]
    public void Similarity_is_the_cosine_of_weights()
    {
        var graph = Build("queue stopped", "queue stopped", "report friday", "queue report");
        Assert.Equal(1, graph.Similarity(0, 1), 12);
        Assert.Equal(0, graph.Similarity(0, 2), 12);
        // queue is in three of four sentences, the others in two each: idf = ln(1 + 4/3) and ln(3).
        var (queue, other) = (Math.Log(1 + 4 / 3.0), Math.Log(3));
        Assert.Equal(queue * queue / (queue * queue + other * other), graph.Similarity(0, 3), 12);
    }

    [Fact]
    public void The_sentence_that_all_others_resemble_ranks_first()
    {
        var rank = Build("queue", "queue disk alert", "disk", "alert", "weather").Rank();
        Assert.Equal(1, Array.IndexOf(rank, rank.Max()));
    }

    [Fact]
    public void Ranks_average_one_with_lonely_sentences_too()
    {
        Assert.Equal(1, Build("queue disk", "queue", "weather", "").Rank().Average(), 6);
        Assert.Empty(Build().Rank());
    }

    [Fact]
    public void A_long_text_has_a_sparse_graph()
    {
        // 2,500 sentences of ten words, Zipf-like; the most frequent words are in most sentences.
        var random = new Random(4);
        string[] sentences = [.. Enumerable.Range(0, 2500).Select(_ =>
            string.Join(' ', Enumerable.Range(0, 10).Select(_ => $"w{(int)(3000 * Math.Pow(random.NextDouble(), 4))}")))];
        var graph = Build(sentences);
        Assert.InRange(graph.EdgeCount, 2500, 2500 * SentenceGraph.MaxNeighbours);
        Assert.InRange(graph.ComparisonCount, 2500, 25_000L * SentenceGraph.MaxPostings);
    }

    [Fact]
    public void One_sentence_said_thousands_of_times_does_not_relate_all_to_all()
    {
        var graph = Build([.. Enumerable.Repeat("queue stopped again", 5000)]);
        Assert.Equal(0, graph.ComparisonCount);
        Assert.All(graph.Rank(), rank => Assert.Equal(1, rank, 6));
    }

    private static SentenceGraph Build(params string[] sentences) => SentenceGraph.Build(
        [.. sentences.Select(sentence => sentence.Split(' ', StringSplitOptions.RemoveEmptyEntries))], CancellationToken.None);
}
