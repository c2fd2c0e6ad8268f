using Omoai.Language.Engines.Onnx;
using Omoai.Language.Engines.OpenAi;
using Omoai.Transcripts.Activities;

namespace Omoai.Language.Engines;

/// <summary>The language model that a job asks for.</summary>
internal static class LanguageModels
{
    /// <summary>Loads it, or makes a client of the server that has it.</summary>
    /// <param name="input">What says which one.</param>
    /// <exception cref="MissingRequirementException">There is none, or it can't be used.</exception>
    /// <exception cref="OutOfMemoryException">The processor's memory or the GPU's is not enough, now.</exception>
    public static ILanguageModel Load(PostProcessInput input) => input.Llm switch
    {
        { Engine: LlmEngine.Onnx } settings => OnnxLanguageModel.Load(
            input.LlmFolder ?? throw new MissingRequirementException($"The language model '{settings.Model}' isn't installed."),
            settings, input.Threads, input.Cuda),
        { } settings => OpenAiLanguageModel.Create(settings, input.LlmToken),
        null => throw new MissingRequirementException(
            "A language model was asked for and none is configured: set Omoai:Llm:Model or Omoai:Llm:OpenAi:Endpoint (docs/language.md)."),
    };
}
