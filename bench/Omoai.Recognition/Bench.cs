using System.Text.Json.Nodes;

namespace Omoai.Benchmarks;

/// <summary>What is recognised, and with what.</summary>
internal sealed partial class Bench
{
    public string Sample => Path.Combine(Repository, "samples", "standup.wav");

    public string Model => Path.Combine(Repository, "models", "demo-en", "speech");

    /// <summary>The same model without its decoder: the likeliest token of each frame.</summary>
    public string GreedyModel()
    {
        var folder = Directory.CreateDirectory(Path.Combine(Work, "greedy")).FullName;
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
}
