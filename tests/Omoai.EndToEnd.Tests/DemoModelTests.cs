using Omoai.Tests;
using Omoai.Transcripts.Models;
using Omoai.Transcripts.Quality;

namespace Omoai.EndToEnd.Tests;

/// <summary>What the demo models promise of themselves, beside their accuracy (bench/accuracy).</summary>
public sealed class DemoModelTests
{
    private static readonly string Models = Path.Combine(TestPaths.Repository, "models", "demo-en");

    [Fact]
    public void Their_files_are_small()
    {
        var manifests = new[] { "speech", "punctuation" }.Select(Read).ToList();

        Assert.True(manifests.Sum(model => model.Files.Values.Sum(file => file.Bytes)) <= 12_000_000);
        // Weights have 16 bits: at most 5 million.
        Assert.True(manifests[0].Files["model.onnx"].Bytes <= 10_000_000);
        Assert.InRange(File.ReadLines(Path.Combine(Models, "speech", "words.txt")).Count(), 800, 1200);
    }

    [Fact]
    public void The_held_out_templates_are_templates_and_no_sentence_of_the_sample_is_one()
    {
        var templates = Lines("templates.txt").Where(line => !line.StartsWith('#')).ToHashSet();
        var heldOut = Lines("held-out-templates.txt").ToList();
        var sample = OmoaiProgram.SampleText.Split(['.', '?', '\n'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .Select(sentence => new NormalizedText(sentence).ToString()).ToHashSet();

        Assert.True(templates.Count >= 300);
        Assert.InRange(heldOut.Count, templates.Count / 12, templates.Count / 8);
        Assert.Subset(templates, heldOut.ToHashSet());
        Assert.DoesNotContain(templates, template => sample.Contains(new NormalizedText(template).ToString()));
    }

    private static ModelManifest Read(string folder)
    {
        using var stream = File.OpenRead(Path.Combine(Models, folder, ModelManifest.FileName));
        return ModelManifest.Read(stream);
    }

    private static IEnumerable<string> Lines(string file) =>
        File.ReadLines(Path.Combine(Models, "training", file)).Where(line => line.Length > 0);
}
