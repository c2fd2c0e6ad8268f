using Microsoft.ML.OnnxRuntime;
using Omoai.Transcripts.Activities;
using Omoai.Transcripts.Models;

namespace Omoai.Shared;

/// <summary>
/// The graph of a model folder, loaded by ONNX Runtime, and what its failures mean. Not for several threads at once.
/// </summary>
/// <remarks>
/// Omoai.Speech and Omoai.Language both compile this file. It isn't a project, because no project but these two and the
/// activity host may know ONNX Runtime, and these two know Omoai.Transcripts only.
/// </remarks>
internal sealed class ModelSession : IDisposable
{
    private readonly ModelManifest _manifest;
    private readonly InferenceSession _session;
    private readonly RunOptions _runOptions = new();
    private OrtMemoryInfo? _deviceMemory;

    private ModelSession(ModelManifest manifest, InferenceSession session, ExecutionProvider provider)
    {
        (_manifest, _session, Provider) = (manifest, session, provider);
    }

    /// <summary>What runs the graph, and why.</summary>
    public ExecutionProvider Provider { get; }

    /// <summary>Reads a model folder's manifest and checks every file against it.</summary>
    /// <param name="folder">The model's folder.</param>
    /// <param name="kinds">The kinds it may be of; see <see cref="ModelKinds"/>.</param>
    /// <exception cref="MissingRequirementException">There is no whole, undamaged model of these kinds.</exception>
    public static ModelManifest ReadManifest(string folder, params IReadOnlyList<string> kinds)
    {
        ModelManifest manifest;
        try
        {
            using var stream = File.OpenRead(Path.Combine(folder, ModelManifest.FileName));
            manifest = ModelManifest.Read(stream);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new MissingRequirementException(
                $"There is no {Name(kinds[0])} model in {folder}: {e.Message} 'omoai models list' shows those that are there.", e);
        }

        if (!kinds.Contains(manifest.Kind))
        {
            throw Unusable(manifest, $"it is not a {Name(kinds[0])} model, its kind is '{manifest.Kind}'");
        }

        manifest.Verify(name => File.OpenRead(Path.Combine(folder, name)));
        return manifest;
    }

    /// <summary>The path of a file that the settings name; only the manifest's files were checked.</summary>
    /// <exception cref="MissingRequirementException">It isn't among them.</exception>
    public static string PathOf(string folder, ModelManifest manifest, string name) =>
        manifest.Files.ContainsKey(name)
            ? Path.Combine(folder, name)
            : throw Unusable(manifest, $"it uses '{name}', which is not among its files");

    /// <summary>Loads a graph: on the GPU that CUDA_VISIBLE_DEVICES allows, where the library and the machine have one.</summary>
    /// <param name="folder">The model's folder.</param>
    /// <param name="manifest">Its manifest, as <see cref="ReadManifest"/> gave it.</param>
    /// <param name="file">The graph, one of the manifest's files.</param>
    /// <param name="threads">Threads that run it on the processor, at least 1.</param>
    /// <param name="cuda">How to use CUDA; null where a GPU isn't worth its context.</param>
    /// <param name="check">Throws where the graph isn't the one that the manifest promises.</param>
    /// <exception cref="MissingRequirementException">It can't be loaded, or there is no library that could.</exception>
    /// <exception cref="OutOfMemoryException">The processor's memory or the GPU's is not enough, now.</exception>
    public static ModelSession Load(
        string folder, ModelManifest manifest, string file, int threads, CudaSettings? cuda, Action<InferenceSession> check)
    {
        var path = PathOf(folder, manifest, file);
        InferenceSession? session = null;
        try
        {
            (session, var provider) = ExecutionProviders.Create(path, threads, cuda);
            check(session);
            return new ModelSession(manifest, session, provider);
        }
        catch (Exception e)
        {
            session?.Dispose();
            throw e switch
            {
                OnnxRuntimeException when IsOutOfMemory(e) => OutOfMemory(manifest, e),
                OnnxRuntimeException => Unusable(manifest, $"{file} can't be loaded ({e.Message})", e),
                _ when IsLibraryMissing(e) => new MissingRequirementException(
                    $"The native library of ONNX Runtime can't be loaded: {e.GetBaseException().Message} Build the activity host again.",
                    e),
                _ => e,
            };
        }
    }

    /// <summary>Runs the graph.</summary>
    /// <param name="inputNames">The inputs' names.</param>
    /// <param name="inputs">Their values, in the same order.</param>
    /// <param name="outputNames">The outputs' names.</param>
    /// <param name="read">Takes what is wanted from the outputs, which are gone afterwards.</param>
    /// <exception cref="MissingRequirementException">The graph doesn't take or give what its manifest says.</exception>
    /// <exception cref="OutOfMemoryException">The processor's memory or the GPU's is not enough, now.</exception>
    /// <exception cref="OnnxRuntimeException">It failed in another way, as devices do.</exception>
    public T Run<T>(
        string[] inputNames, OrtValue[] inputs, string[] outputNames, Func<IDisposableReadOnlyCollection<OrtValue>, T> read)
    {
        return Translate(() =>
        {
            using var outputs = Run(inputNames, inputs, outputNames);
            return read(outputs);
        });
    }

    /// <summary>Inputs and outputs that stay where they are between runs; for <see cref="RunBound"/>, and to be disposed of.</summary>
    public OrtIoBinding Bind() => _session.CreateIoBinding();

    /// <summary>Runs the graph with bound inputs. What is bound stays bound, but for the outputs.</summary>
    /// <param name="binding">From <see cref="Bind"/>.</param>
    /// <param name="inputs">Inputs to bind, in place of those that were bound by the same names; copied to the device where they
    /// aren't there.</param>
    /// <param name="kept">Outputs that stay on the device.</param>
    /// <param name="read">Outputs that come to the processor's memory.</param>
    /// <returns>The outputs: those that are kept, then those that are read.</returns>
    /// <exception cref="MissingRequirementException">The graph doesn't take or give what its manifest says.</exception>
    /// <exception cref="OutOfMemoryException">The processor's memory or the GPU's is not enough, now.</exception>
    /// <exception cref="OnnxRuntimeException">It failed in another way, as devices do.</exception>
    public IDisposableReadOnlyCollection<OrtValue> RunBound(
        OrtIoBinding binding, IEnumerable<(string Name, OrtValue Value)> inputs, IEnumerable<string> kept, IEnumerable<string> read) =>
        Translate(() =>
        {
            foreach (var (name, value) in inputs)
            {
                binding.BindInput(name, value);
            }

            // An output that was bound for the run before would be written over, and may be an input now.
            binding.ClearBoundOutputs();
            _deviceMemory ??= Provider.Name == "cuda"
                ? new OrtMemoryInfo("Cuda", OrtAllocatorType.DeviceAllocator, 0, OrtMemType.Default)
                : OrtMemoryInfo.DefaultInstance;
            foreach (var name in kept)
            {
                binding.BindOutputToDevice(name, _deviceMemory);
            }

            foreach (var name in read)
            {
                binding.BindOutputToDevice(name, OrtMemoryInfo.DefaultInstance);
            }

            binding.SynchronizeBoundInputs();
            return _session.RunWithBoundResults(_runOptions, binding);
        });

    private T Translate<T>(Func<T> run)
    {
        try
        {
            return run();
        }
        catch (Exception e) when (Meaning(e) is { } meaning)
        {
            throw meaning;
        }
    }

    /// <summary>Runs the graph; the caller disposes of the outputs.</summary>
    /// <inheritdoc cref="Run{T}" path="/param|/exception"/>
    public IDisposableReadOnlyCollection<OrtValue> Run(string[] inputNames, OrtValue[] inputs, string[] outputNames)
    {
        try
        {
            return _session.Run(_runOptions, inputNames, inputs, outputNames);
        }
        catch (Exception e) when (Meaning(e) is { } meaning)
        {
            throw meaning;
        }
    }

    /// <summary>Runs the graph into values that are there already, which saves making them where runs are many and small.</summary>
    /// <param name="inputNames">The inputs' names.</param>
    /// <param name="inputs">Their values, in the same order.</param>
    /// <param name="outputNames">The outputs' names.</param>
    /// <param name="outputs">Values of the outputs' types and shapes, in the same order; none may share memory with an input.</param>
    /// <inheritdoc cref="Run{T}" path="/exception"/>
    public void Run(string[] inputNames, OrtValue[] inputs, string[] outputNames, OrtValue[] outputs)
    {
        try
        {
            _session.Run(_runOptions, inputNames, inputs, outputNames, outputs);
        }
        catch (Exception e) when (Meaning(e) is { } meaning)
        {
            throw meaning;
        }
    }

    public void Dispose()
    {
        if (_deviceMemory != OrtMemoryInfo.DefaultInstance)
        {
            _deviceMemory?.Dispose();
        }

        _runOptions.Dispose();
        _session.Dispose();
    }

    /// <summary>What to throw where a model isn't what it should be.</summary>
    public static MissingRequirementException Unusable(ModelManifest manifest, string why, Exception? inner = null) =>
        new($"The {Name(manifest.Kind)} model '{manifest.Name}' can't be used: {why}. Get it again, or use another model.", inner);

    /// <summary>Whether ONNX Runtime, CUDA, cuBLAS, cuDNN or the C++ library say that memory ran out. There is no code for it.</summary>
    internal static bool IsOutOfMemory(Exception e) =>
        new[] { "Failed to allocate memory", "out of memory", "bad_alloc", "ALLOC_FAILED" }.Any(
            text => e.Message.Contains(text, StringComparison.OrdinalIgnoreCase));

    /// <summary>What a failed run means; null where it is what it says.</summary>
    private Exception? Meaning(Exception e) => e switch
    {
        OnnxRuntimeException when IsOutOfMemory(e) => OutOfMemory(_manifest, e),
        ArgumentException => Unusable(_manifest, $"its graph can't be run ({e.Message})", e),
        OnnxRuntimeException when IsMismatch(e) => Unusable(_manifest, $"its graph can't be run ({e.Message})", e),
        _ => null,
    };

    /// <summary>The code is in the message only.</summary>
    private static bool IsMismatch(Exception e) => e.Message.Contains("[ErrorCode:InvalidArgument]", StringComparison.Ordinal);

    /// <summary>The first use of the library loads it, in a static constructor.</summary>
    private static bool IsLibraryMissing(Exception e) =>
        e is DllNotFoundException or BadImageFormatException or EntryPointNotFoundException
        || (e is TypeInitializationException { InnerException: { } inner } && IsLibraryMissing(inner));

    private static OutOfMemoryException OutOfMemory(ModelManifest manifest, Exception inner) =>
        new($"There is not enough memory for the {Name(manifest.Kind)} model '{manifest.Name}': {inner.Message}", inner);

    private static string Name(string kind) => ModelKinds.Speech.Contains(kind) ? "speech" : kind;
}
