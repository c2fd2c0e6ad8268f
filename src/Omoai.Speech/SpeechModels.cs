using Omoai.Shared;
using Omoai.Speech.Ctc;
using Omoai.Speech.Whisper;
using Omoai.Transcripts.Activities;
using Omoai.Transcripts.Models;

namespace Omoai.Speech;

/// <summary>Loads speech models of every kind.</summary>
public static class SpeechModels
{
    /// <summary>Loads a model; on the GPU that CUDA_VISIBLE_DEVICES allows where the library can use one.</summary>
    /// <param name="folder">The model's folder.</param>
    /// <param name="threads">Threads for the graph; 0 for one for each core, up to 4.</param>
    /// <param name="cuda">How to use CUDA.</param>
    /// <exception cref="MissingRequirementException">There is no whole, undamaged speech model that this version
    /// can run, or no library to run it.</exception>
    /// <exception cref="OutOfMemoryException">There is not enough memory for it, now.</exception>
    public static ISpeechModel Load(string folder, int threads = 0, CudaSettings? cuda = null)
    {
        threads = threads > 0 ? threads : Math.Min(Environment.ProcessorCount, 4);
        var manifest = ModelSession.ReadManifest(folder, ModelKinds.Speech);
        return manifest.Kind switch
        {
            ModelKinds.SpeechWhisper => WhisperModel.Load(folder, manifest, threads, cuda ?? new CudaSettings()),
            _ => CtcModel.Load(folder, manifest, threads, cuda ?? new CudaSettings()),
        };
    }
}
