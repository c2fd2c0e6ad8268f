using Microsoft.ML.OnnxRuntime;
using Omoai.Transcripts.Activities;

namespace Omoai.Speech.Models;

/// <summary>The inspect-model activity: what ONNX graphs take and give, one loaded at a time.</summary>
public static class ModelInspector
{
    /// <summary>More graphs than any model has.</summary>
    public const int MaxGraphs = 64;

    // A file may say anything of itself: the answer goes through a pipe that takes only so much.
    private const int MaxTensors = 1024;
    private const int MaxText = 16 << 10;
    private const int MaxAllText = 256 << 10;

    /// <summary>Looks at graphs; one that can't be loaded has its problem said.</summary>
    /// <exception cref="BadInputException">There are more than <see cref="MaxGraphs"/>.</exception>
    public static Task<InspectModelOutput> InspectAsync(
        InspectModelInput input, IProgress<double> progress, CancellationToken cancellationToken)
    {
        if (input.Graphs.Count > MaxGraphs)
        {
            throw new BadInputException($"There are {input.Graphs.Count} ONNX graphs; a model has at most {MaxGraphs}.");
        }

        var facts = new List<GraphFacts>();
        foreach (var path in input.Graphs)
        {
            cancellationToken.ThrowIfCancellationRequested();
            facts.Add(Inspect(path));
            progress.Report((double)facts.Count / input.Graphs.Count);
        }

        return Task.FromResult(new InspectModelOutput(facts));
    }

    private static GraphFacts Inspect(string path)
    {
        var file = Path.GetFileName(path);
        try
        {
            // Nothing is run: as little as can be is done with it, and what is wrong is found all the same.
            using var options = new SessionOptions
            {
                GraphOptimizationLevel = GraphOptimizationLevel.ORT_DISABLE_ALL,
                IntraOpNumThreads = 1,
                InterOpNumThreads = 1,
            };
            using var session = new InferenceSession(path, options);
            return new GraphFacts(
                file, Describe(session.InputNames, session.InputMetadata), Describe(session.OutputNames, session.OutputMetadata),
                Bounded(session.ModelMetadata.CustomMetadataMap));
        }
        catch (OnnxRuntimeException e)
        {
            return new GraphFacts(file, [], [], new Dictionary<string, string>(), e.Message);
        }
    }

    private static List<TensorFacts> Describe(IReadOnlyList<string> names, IReadOnlyDictionary<string, NodeMetadata> metadata) =>
    [
        .. names.Take(MaxTensors).Select(name => metadata[name]).Zip(names, (node, name) => node.IsTensor
            ? new TensorFacts(name, Name(node.ElementDataType.ToString()), [.. node.Dimensions.Select(dimension => (long)dimension)])
            : new TensorFacts(name, Name(node.OnnxValueType.ToString().Replace("ONNX_TYPE_", "", StringComparison.Ordinal)), [])),
    ];

    private static string Name(string text) => text.ToLowerInvariant();

    private static Dictionary<string, string> Bounded(Dictionary<string, string> metadata)
    {
        var kept = new Dictionary<string, string>();
        var room = MaxAllText;
        foreach (var (key, value) in metadata.OrderBy(entry => entry.Key, StringComparer.Ordinal))
        {
            var size = key.Length + value.Length;
            if (size <= MaxText && size <= room)
            {
                kept[key] = value;
                room -= size;
            }
        }

        return kept;
    }
}
