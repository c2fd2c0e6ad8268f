using System.Text.Json.Nodes;

namespace Omoai.Recognition;

/// <summary>What the parts of the benchmark share.</summary>
/// <param name="repository">The root of the repository.</param>
/// <param name="work">A folder that is deleted at the end.</param>
/// <param name="quick">Fewer rounds and shorter recordings.</param>
internal sealed class Bench(string repository, string work, bool quick)
{
    private readonly List<string> _figures = [];

    public string Repository => repository;

    public string Work => work;

    public bool Quick => quick;

    public string Sample => Path.Combine(repository, "samples", "standup.wav");

    public string Model => Path.Combine(repository, "models", "demo-en", "speech");

    /// <summary>The same model without its decoder: the likeliest token of each frame.</summary>
    public string GreedyModel()
    {
        var folder = Directory.CreateDirectory(Path.Combine(work, "greedy")).FullName;
        foreach (var file in Directory.EnumerateFiles(Model))
        {
            File.Copy(file, Path.Combine(folder, Path.GetFileName(file)), overwrite: true);
        }

        var manifest = Path.Combine(folder, "model.json");
        var model = JsonNode.Parse(File.ReadAllText(manifest))!.AsObject();
        model.Remove("decoder");
        File.WriteAllText(manifest, model.ToJsonString());
        return folder;
    }

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
