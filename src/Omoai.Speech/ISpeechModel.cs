using Omoai.Transcripts;
using Omoai.Transcripts.Models;

namespace Omoai.Speech;

/// <summary>A speech model, loaded. Not for several threads at once.</summary>
public interface ISpeechModel : IDisposable
{
    ModelManifest Manifest { get; }

    /// <summary>What runs the graph: <c>cuda</c> or <c>cpu</c>.</summary>
    string ExecutionProvider { get; }

    /// <summary>Why that, for people.</summary>
    string ExecutionProviderReason { get; }

    /// <summary>Stretches that are worth running together, at least 1. More may be given: they aren't run all at once then.</summary>
    int BatchSize { get; }

    /// <summary>Those of some hot words that change nothing, because the model can't be told them, or can't write them.</summary>
    IReadOnlyList<string> IgnoredOf(IReadOnlyList<string> hotWords);

    /// <summary>Recognises stretches of speech, each by itself: what is with it in a batch changes nothing in its words.</summary>
    /// <param name="stretches">Mono, in [-1, 1], at the manifest's sample rate; each at most
    /// <see cref="Transcripts.Activities.AudioPart.MaxSpeechSeconds"/> long.</param>
    /// <param name="request">What is asked for.</param>
    /// <param name="cancellationToken">Looked at between runs of the graph.</param>
    /// <returns>For each stretch its words, times in seconds from its first sample and inside it.</returns>
    /// <exception cref="Transcripts.Activities.MissingRequirementException">The graph doesn't compute what its manifest says, or the model
    /// can't do what is asked.</exception>
    /// <exception cref="OutOfMemoryException">There is not enough memory for it, now.</exception>
    IReadOnlyList<RecognizedStretch> Recognize(
        IReadOnlyList<float[]> stretches, RecognitionRequest request, CancellationToken cancellationToken);
}

/// <summary>What is asked of a recogniser.</summary>
/// <param name="Language">BCP 47 tag of the language spoken; null for the model's own, or to find it out.</param>
/// <param name="HotWords">Words and phrases that are likelier than the model thinks.</param>
public sealed record RecognitionRequest(string? Language = null, IReadOnlyList<string>? HotWords = null);

/// <summary>The words of a stretch.</summary>
/// <param name="Words">In order.</param>
/// <param name="Language">BCP 47 tag of the language; null for the one that was asked for or that is the model's.</param>
/// <param name="Doubt">Why the recogniser itself doubts that this was said, a reason of <see cref="Suspicion"/>; null where it doesn't.</param>
/// <param name="DoubtFrom">Index of the first word that it doubts; it doubts all after it too.</param>
public sealed record RecognizedStretch(IReadOnlyList<Word> Words, string? Language = null, string? Doubt = null, int DoubtFrom = 0);
