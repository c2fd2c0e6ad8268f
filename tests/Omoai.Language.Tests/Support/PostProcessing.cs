using Omoai.Language.Engines;
using Omoai.Language.Punctuation;
using Omoai.Transcripts;
using Omoai.Transcripts.Activities;

namespace Omoai.Language.Tests.Support;

/// <summary>Short ways into <see cref="PostProcessor"/>.</summary>
internal static class PostProcessing
{
    /// <summary>The work itself, without files and without a language model.</summary>
    public static (PostProcessed Result, IReadOnlyList<Warning> Warnings) Process(
        IReadOnlyList<RecognizedPart> parts, IWordTagger? tagger, PostProcessInput input, IProgress<double>? progress = null) =>
        // Nothing in it waits then.
        PostProcessor.ProcessAsync(parts, tagger, null, input, progress ?? new Progress<double>(), CancellationToken.None)
            .GetAwaiter().GetResult();

    /// <summary>The whole, with models that are loaded for it.</summary>
    public static async Task<PostProcessOutput> RunAsync(PostProcessInput input, CancellationToken cancellation = default)
    {
        OnnxWordTagger? tagger = null;
        ILanguageModel? llm = null;
        try
        {
            return await PostProcessor.PostProcessAsync(
                folder => tagger = OnnxWordTagger.Load(folder), asked => llm = LanguageModels.Load(asked), input, new Progress<double>(),
                cancellation);
        }
        finally
        {
            tagger?.Dispose();
            llm?.Dispose();
        }
    }
}
