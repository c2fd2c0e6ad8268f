namespace Omoai.Benchmarks;

/// <summary>What the parts of a benchmark share.</summary>
/// <param name="repository">The root of the repository.</param>
/// <param name="work">A folder that is deleted at the end.</param>
/// <param name="quick">Fewer rounds, and less of whatever takes long.</param>
internal sealed partial class Bench(string repository, string work, bool quick)
{
    private readonly List<string> _figures = [];

    public string Repository => repository;

    public string Work => work;

    public bool Quick => quick;

    public void Figure(string name, double value) => _figures.Add(FormattableString.Invariant($"figure {name} {value:0.####}"));

    public int End()
    {
        _figures.ForEach(Console.WriteLine);
        return 0;
    }

    public static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return sorted.Length % 2 == 1 ? sorted[sorted.Length / 2] : (sorted[(sorted.Length / 2) - 1] + sorted[sorted.Length / 2]) / 2;
    }
}
