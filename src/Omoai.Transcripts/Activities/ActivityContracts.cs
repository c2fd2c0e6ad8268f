namespace Omoai.Transcripts.Activities;

/// <summary>The names of the activities that run in the activity host, shared by caller and callee.</summary>
public static class ActivityNames
{
    public const string Prepare = "prepare";
    public const string Transcribe = "transcribe";
    public const string PostProcess = "post-process";

    /// <summary>Tells what models and libraries the host can load; used by <c>doctor</c>.</summary>
    public const string Inspect = "inspect";

    /// <summary>Tells what ONNX graphs take and give; used by <c>models add</c>.</summary>
    public const string InspectModel = "inspect-model";

    /// <summary>Loads a model and runs it once on made-up input; used by <c>models add</c>.</summary>
    public const string TryModel = "try-model";
}

/// <summary>Decode a recording to 16 kHz mono, find the speech, plan parts of bounded length.</summary>
/// <param name="Audio">Path of the recording.</param>
/// <param name="OutputFolder">An existing folder that the parts are written to, as 16-bit WAV of 16 kHz mono.</param>
/// <param name="MaxPartSeconds">No part is longer than this.</param>
/// <param name="FfmpegPath">The ffmpeg executable for what isn't WAV; null to look for it on PATH.</param>
/// <param name="Name">What messages call the recording; null for the name of the file.</param>
/// <param name="VadModelFolder">Folder of a voice-activity model; null finds speech by its energy.</param>
/// <param name="Channels">What happens to the channels of the recording.</param>
public sealed record PrepareInput(
    string Audio, string OutputFolder, double MaxPartSeconds = 600, string? FfmpegPath = null, string? Name = null,
    string? VadModelFolder = null, ChannelMode Channels = ChannelMode.Mix);

/// <summary>What happens to the channels of a recording.</summary>
public enum ChannelMode
{
    /// <summary>They are averaged.</summary>
    Mix,

    /// <summary>Each is transcribed by itself, as of telephone calls that have a speaker on each.</summary>
    Separate,
}

/// <summary>What is known of a <see cref="PrepareInput"/> before there is a recording.</summary>
/// <param name="VadModelFolder">As in <see cref="PrepareInput"/>.</param>
public sealed record PrepareWarmUp(string? VadModelFolder = null);

/// <summary>What <see cref="PrepareInput"/> asked for. With no speech there are no parts.</summary>
public sealed record PrepareOutput(
    double Duration, int SampleRate, int Channels, string Codec, IReadOnlyList<AudioPart> Parts, IReadOnlyList<Warning> Warnings);

/// <summary>A stretch of the recording that is transcribed at once.</summary>
/// <param name="Index">From 0.</param>
/// <param name="File">File name in the output folder.</param>
/// <param name="Start">Where it starts in the recording, seconds.</param>
/// <param name="Duration">Seconds.</param>
/// <param name="Speech">Where there is speech, in seconds of the <em>recording</em>, in order, not overlapping; each at most
/// <see cref="MaxSpeechSeconds"/> long.</param>
/// <param name="Channel">The channel it is of, from 0; null where all are mixed.</param>
public sealed record AudioPart(
    int Index, string File, double Start, double Duration, IReadOnlyList<Interval> Speech, int? Channel = null)
{
    /// <summary>The longest stretch given to a recogniser at once, seconds.</summary>
    public const double MaxSpeechSeconds = 20;
}

/// <summary>Recognise the words of one part.</summary>
/// <param name="Part">The part.</param>
/// <param name="Audio">Path of the part's WAV file (16 kHz mono, 16-bit).</param>
/// <param name="ModelFolder">Folder of a speech model.</param>
/// <param name="Output">Path that the words are written to: a <see cref="RecognizedPart"/> as JSON.</param>
/// <param name="Threads">Threads for the model; 0 lets the host choose.</param>
/// <param name="Language">BCP 47 tag of the language spoken; null lets a model of several find it out.</param>
/// <param name="HotWords">Words and phrases that are likelier than the model thinks.</param>
/// <param name="Suspicious">What happens to what was probably never said.</param>
/// <param name="Cuda">How to use CUDA; null for its defaults.</param>
public sealed record TranscribeInput(
    AudioPart Part, string Audio, string ModelFolder, string Output, int Threads = 0, string? Language = null,
    IReadOnlyList<string>? HotWords = null, SuspicionPolicy Suspicious = SuspicionPolicy.Cut,
    CudaSettings? Cuda = null);

/// <summary>How ONNX Runtime uses CUDA (its CUDA execution provider's options).</summary>
/// <param name="MemoryLimitMb">What its arena may take, MiB; 0 for no limit.</param>
/// <param name="Arena">How the arena grows.</param>
/// <param name="ConvolutionSearch">How cuDNN's convolution algorithms are chosen.</param>
/// <param name="CopyInDefaultStream">Copies wait for computations; otherwise they have a stream of their own.</param>
public sealed record CudaSettings(
    int MemoryLimitMb = 0, ArenaStrategy Arena = ArenaStrategy.SameAsRequested,
    ConvolutionSearch ConvolutionSearch = ConvolutionSearch.Heuristic, bool CopyInDefaultStream = true);

/// <summary>How an arena of GPU memory grows.</summary>
public enum ArenaStrategy
{
    /// <summary>By what is needed: less memory.</summary>
    SameAsRequested,

    /// <summary>By doubling: fewer allocations.</summary>
    NextPowerOfTwo,
}

/// <summary>How cuDNN's convolution algorithms are chosen.</summary>
public enum ConvolutionSearch
{
    /// <summary>By a rule of thumb, at once.</summary>
    Heuristic,

    /// <summary>Always the same one.</summary>
    Default,

    /// <summary>By trying all: seconds for each new shape, which a process that serves once can't earn back.</summary>
    Exhaustive,
}

/// <summary>What happens to words that were probably never said.</summary>
public enum SuspicionPolicy
{
    /// <summary>They are left out, and listed.</summary>
    Cut,

    /// <summary>They stay, and are listed.</summary>
    Keep,
}

/// <summary>
/// What is known of a <see cref="TranscribeInput"/> before there is audio. A model that was loaded for this serves an input with
/// the same values and no other.
/// </summary>
/// <param name="ModelFolder">As in <see cref="TranscribeInput"/>.</param>
/// <param name="Threads">As in <see cref="TranscribeInput"/>.</param>
/// <param name="Cuda">As in <see cref="TranscribeInput"/>.</param>
public sealed record TranscribeWarmUp(string ModelFolder, int Threads = 0, CudaSettings? Cuda = null);

/// <summary>Facts about a recognised part; the words are in the file. The language is that of most of its speech.</summary>
/// <param name="Index">The part's index.</param>
/// <param name="WordCount">Its words.</param>
/// <param name="SpeechSeconds">Its speech.</param>
/// <param name="Model">Name of the model.</param>
/// <param name="Language">BCP 47.</param>
/// <param name="ExecutionProvider">What ran the model, <c>cuda</c> or <c>cpu</c>.</param>
/// <param name="ExecutionProviderReason">Why that.</param>
public sealed record TranscribeOutput(
    int Index, int WordCount, double SpeechSeconds, string Model, string Language, string ExecutionProvider,
    string? ExecutionProviderReason = null);

/// <summary>The words of one part, times in seconds of the recording, in order.</summary>
/// <param name="Index">The part's index.</param>
/// <param name="Words">The words.</param>
/// <param name="Channel">As in <see cref="AudioPart"/>.</param>
/// <param name="Language">BCP 47 tag of the language of most of its speech.</param>
/// <param name="Punctuated">The words have case and punctuation already.</param>
/// <param name="Suspicions">What was probably never said, in order of time.</param>
/// <param name="IgnoredHotWords">The hot words that changed nothing, because the model can't be told them, or can't write them.</param>
public sealed record RecognizedPart(
    int Index, IReadOnlyList<Word> Words, int? Channel = null, string? Language = null, bool Punctuated = false,
    IReadOnlyList<Suspicion>? Suspicions = null, IReadOnlyList<string>? IgnoredHotWords = null);

/// <summary>How the summary is made.</summary>
public enum SummaryMethod
{
    Extractive,
    Llm,
    None,
}

/// <summary>Punctuate, break into paragraphs, summarise.</summary>
/// <param name="Parts">Paths of <see cref="RecognizedPart"/> files, in order of time.</param>
/// <param name="Output">Path that the result is written to: a <see cref="PostProcessed"/> as JSON.</param>
/// <param name="ModelFolder">Folder of a punctuation model; null leaves the words as recognised, where no language model writes them.</param>
/// <param name="Summary">How to summarise.</param>
/// <param name="MaxKeyPoints">1 to 50.</param>
/// <param name="ParagraphGapSeconds">A silence at least this long between sentences starts a paragraph.</param>
public sealed record PostProcessInput(
    IReadOnlyList<string> Parts, string Output, string? ModelFolder = null, SummaryMethod Summary = SummaryMethod.Extractive,
    int MaxKeyPoints = 7, double ParagraphGapSeconds = 1.5)
{
    /// <summary>How words get case and punctuation.</summary>
    public PunctuationMethod Punctuation { get; init; } = PunctuationMethod.Model;

    /// <summary>The language model; null where neither punctuation nor summary asks for one.</summary>
    public LlmSettings? Llm { get; init; }

    /// <summary>Folder of the language model that <see cref="LlmEngine.Onnx"/> runs.</summary>
    public string? LlmFolder { get; init; }

    /// <summary>The server's token. Secret: it is in the request's frame and nowhere else, and never written.</summary>
    public string? LlmToken { get; init; }

    /// <summary>Threads for the language model; 0 lets the host choose.</summary>
    public int Threads { get; init; }

    /// <summary>How the language model uses CUDA; null for its defaults.</summary>
    public CudaSettings? Cuda { get; init; }

    /// <summary>BCP 47 tag of the summary's language; null for the language spoken.</summary>
    public string? SummaryLanguage { get; init; }

    /// <summary>Whether to compare what was recognised with what was written; see <see cref="TranscriptQuality"/>.</summary>
    public bool QualityMetrics { get; init; }

    /// <summary>Whether to show the differences; see <see cref="TextDiff"/>.</summary>
    public bool Diffs { get; init; }

    /// <summary>Whether to keep the text as recognised.</summary>
    public bool RawText { get; init; }

    /// <summary>Without the token: records are written into logs by their <c>ToString</c>.</summary>
    public override string ToString() => $"{nameof(PostProcessInput)} {{ {nameof(Parts)} = {Parts.Count}, {nameof(Output)} = {Output} }}";
}

/// <summary>What is known of a <see cref="PostProcessInput"/> before there are words; see <see cref="TranscribeWarmUp"/>.</summary>
/// <param name="ModelFolder">As in <see cref="PostProcessInput"/>.</param>
/// <param name="LlmFolder">As in <see cref="PostProcessInput"/>.</param>
/// <param name="Threads">As in <see cref="PostProcessInput"/>.</param>
/// <param name="Cuda">As in <see cref="PostProcessInput"/>.</param>
/// <param name="Llm">As in <see cref="PostProcessInput"/>; a model that was loaded for it serves inputs with the same
/// <see cref="LlmSettings.ContextTokens"/> and <see cref="LlmSettings.Concurrency"/>. Null for the defaults.</param>
public sealed record PostProcessWarmUp(
    string? ModelFolder = null, string? LlmFolder = null, int Threads = 0, CudaSettings? Cuda = null, LlmSettings? Llm = null);

/// <summary>Facts about a post-processed transcript; the text is in the file.</summary>
/// <param name="SegmentCount">Its segments.</param>
/// <param name="ParagraphCount">Its paragraphs.</param>
/// <param name="WordCount">Its words.</param>
/// <param name="Model">Name of the model that punctuated it.</param>
/// <param name="Warnings">What readers should know.</param>
/// <param name="ExecutionProvider">What ran a language model of <see cref="LlmEngine.Onnx"/>, <c>cuda</c> or <c>cpu</c>.</param>
/// <param name="ExecutionProviderReason">Why that.</param>
public sealed record PostProcessOutput(
    int SegmentCount, int ParagraphCount, int WordCount, string Model, IReadOnlyList<Warning> Warnings,
    string? ExecutionProvider = null, string? ExecutionProviderReason = null);

/// <summary>What goes into the <see cref="Transcript"/>.</summary>
/// <param name="Segments">As there.</param>
/// <param name="Summary">As there.</param>
/// <param name="Language">BCP 47 tag of the language of most of the words; null where the parts don't say.</param>
/// <param name="LowConfidence">As there.</param>
/// <param name="Suspicions">As there.</param>
public sealed record PostProcessed(
    IReadOnlyList<Segment> Segments, Summary? Summary = null, string? Language = null,
    IReadOnlyList<UnsureSpan>? LowConfidence = null, IReadOnlyList<Suspicion>? Suspicions = null)
{
    /// <summary>As in <see cref="Transcript"/>.</summary>
    public LlmUse? Llm { get; init; }

    /// <summary>As in <see cref="Transcript"/>.</summary>
    public IReadOnlyList<SpellingChange>? Changes { get; init; }

    /// <summary>As in <see cref="Transcript"/>.</summary>
    public TranscriptQuality? Quality { get; init; }

    /// <summary>As in <see cref="Transcript"/>.</summary>
    public TextDiff? Diff { get; init; }

    /// <summary>As in <see cref="Transcript"/>.</summary>
    public string? RawText { get; init; }
}

/// <summary>What the activity host can load on this machine.</summary>
/// <param name="ProcessArchitecture">For example <c>x64</c>.</param>
/// <param name="ExecutionProviders">Those that its build offers; a CUDA provider is of use only with a GPU.</param>
/// <param name="CudaDevices">The models of the GPUs that the driver knows; empty without a driver.</param>
/// <param name="OnnxRuntimeVersion">Null when ONNX Runtime can't be loaded.</param>
/// <param name="OnnxRuntimeError">Why ONNX Runtime can't be loaded and what to do about it; null when it can.</param>
/// <param name="Cuda">What the GPU's driver says.</param>
public sealed record InspectOutput(
    string ProcessArchitecture, IReadOnlyList<string> ExecutionProviders, IReadOnlyList<string> CudaDevices,
    string? OnnxRuntimeVersion = null, string? OnnxRuntimeError = null, CudaFacts? Cuda = null);

/// <summary>What CUDA's driver API and NVML say of this machine. Each fact is null where neither tells it.</summary>
/// <param name="DriverVersion">The driver's, such as <c>550.54.15</c>.</param>
/// <param name="CudaVersion">The newest CUDA that the driver serves, such as <c>12.4</c>.</param>
/// <param name="Devices">All of the machine; those that CUDA shows to the host where NVML tells none.</param>
/// <param name="MpsDaemon">Whether there is an MPS daemon to share a GPU through.</param>
/// <param name="Problem">Why CUDA can't be used; null when it can.</param>
/// <param name="NvmlProblem">Why NVML can't be asked; null when it can.</param>
public sealed record CudaFacts(
    string? DriverVersion, string? CudaVersion, IReadOnlyList<CudaDevice> Devices, bool MpsDaemon, string? Problem, string? NvmlProblem);

/// <summary>A GPU.</summary>
/// <param name="Index">From 0, in NVML's order, which is that of the slots; in CUDA's where NVML tells none.</param>
/// <param name="Name">The model.</param>
/// <param name="Uuid">As in <c>CUDA_VISIBLE_DEVICES</c>: <c>GPU-</c> and so on.</param>
/// <param name="TotalBytes">Its memory.</param>
/// <param name="UsedBytes">How much of that anybody uses.</param>
/// <param name="Visible">Whether the host may use it (<c>CUDA_VISIBLE_DEVICES</c>).</param>
public sealed record CudaDevice(int Index, string? Name, string? Uuid, long? TotalBytes, long? UsedBytes, bool? Visible);

/// <summary>Look at ONNX graphs: what they take and give.</summary>
/// <param name="Graphs">Paths of the graphs; no two of the same file name.</param>
public sealed record InspectModelInput(IReadOnlyList<string> Graphs);

/// <summary>What <see cref="InspectModelInput"/> asked for, in the same order.</summary>
public sealed record InspectModelOutput(IReadOnlyList<GraphFacts> Graphs);

/// <summary>What an ONNX graph takes and gives.</summary>
/// <param name="File">Its file name.</param>
/// <param name="Inputs">In the graph's order; initial values that can be replaced are none.</param>
/// <param name="Outputs">In the graph's order.</param>
/// <param name="Metadata">What the exporter wrote into the file, by name.</param>
/// <param name="Problem">Why it can't be loaded; null where it can. The rest is empty then.</param>
public sealed record GraphFacts(
    string File, IReadOnlyList<TensorFacts> Inputs, IReadOnlyList<TensorFacts> Outputs, IReadOnlyDictionary<string, string> Metadata,
    string? Problem = null);

/// <summary>What a graph says of a tensor.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Element">The type of its elements, such as <c>float</c> or <c>int64</c>; another kind of value by that kind's name.</param>
/// <param name="Shape">Its dimensions; -1 for one that is open.</param>
public sealed record TensorFacts(string Name, string Element, IReadOnlyList<long> Shape);

/// <summary>Load a model of any kind and run it on what is made up.</summary>
/// <param name="ModelFolder">Its folder.</param>
/// <param name="ScratchFolder">An existing folder for what is made up.</param>
/// <param name="Threads">As in <see cref="TranscribeInput"/>.</param>
public sealed record TryModelInput(string ModelFolder, string ScratchFolder, int Threads = 0);

/// <summary>A model that could be loaded and run.</summary>
/// <param name="Kind">Its kind.</param>
/// <param name="ExecutionProvider">What ran it: <c>cuda</c> or <c>cpu</c>; null where its kind doesn't tell.</param>
public sealed record TryModelOutput(string Kind, string? ExecutionProvider);

/// <summary>The input can't be used, and trying again won't help. The message is for the person who supplied it.</summary>
public sealed class BadInputException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>This machine lacks a model, a library or a program. The message says what to install or fetch.</summary>
public sealed class MissingRequirementException(string message, Exception? inner = null) : Exception(message, inner);
