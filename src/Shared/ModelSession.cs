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

    private ModelSession(ModelManifest manifest, InferenceSession session, string executionProvider)
    {
        (_manifest, _session, ExecutionProvider) = (manifest, session, executionProvider);
    }

    /// <summary>What runs the graph: <c>cuda</c> or <c>cpu</c>.</summary>
    public string ExecutionProvider { get; }

    /// <summary>Reads a model folder's manifest and checks every file against it.</summary>
    /// <param name="folder">The model's folder.</param>
    /// <param name="kind">The kind it must be of; see <see cref="ModelKinds"/>.</param>
    /// <exception cref="MissingRequirementException">There is no whole, undamaged model of that kind.</exception>
    public static ModelManifest ReadManifest(string folder, string kind)
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
                $"There is no {Name(kind)} model in {folder}: {e.Message} 'omoai models list' shows those that are there.", e);
        }

        if (manifest.Kind != kind)
        {
            throw Unusable(manifest, $"it is not a {Name(kind)} model, its kind is '{manifest.Kind}'");
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
    /// <param name="mayUseGpu">Whether a GPU is worth its context.</param>
    /// <param name="check">Throws where the graph isn't the one that the manifest promises.</param>
    /// <exception cref="MissingRequirementException">It can't be loaded, or there is no library that could.</exception>
    /// <exception cref="OutOfMemoryException">The processor's memory or the GPU's is not enough, now.</exception>
    public static ModelSession Load(
        string folder, ModelManifest manifest, string file, int threads, bool mayUseGpu, Action<InferenceSession> check)
    {
        var path = PathOf(folder, manifest, file);
        InferenceSession? session = null;
        try
        {
            (session, var provider) = Create(path, threads, mayUseGpu);
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
        try
        {
            using var outputs = _session.Run(_runOptions, inputNames, inputs, outputNames);
            return read(outputs);
        }
        catch (OnnxRuntimeException e) when (IsOutOfMemory(e))
        {
            throw OutOfMemory(_manifest, e);
        }
        catch (Exception e) when (e is ArgumentException || (e is OnnxRuntimeException && IsMismatch(e)))
        {
            throw Unusable(_manifest, $"its graph can't be run ({e.Message})", e);
        }
    }

    public void Dispose()
    {
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

    private static (InferenceSession Session, string Provider) Create(string path, int threads, bool mayUseGpu)
    {
        // The parent chooses the device, or none, by this variable; see docs/configuration.md.
        if (mayUseGpu && Environment.GetEnvironmentVariable("CUDA_VISIBLE_DEVICES") is not ("" or "-1"))
        {
            using var options = Options(threads);
            if (TryAppendCuda(options))
            {
                try
                {
                    return (new InferenceSession(path, options), "cuda");
                }
                catch (OnnxRuntimeException e) when (IsGpuMissing(e))
                {
                    // CUDA's libraries are there and no GPU is. A GPU that is full, in contrast, is worth another attempt.
                }
            }
        }

        using var cpu = Options(threads);
        return (new InferenceSession(path, cpu), "cpu");
    }

    private static bool TryAppendCuda(SessionOptions options)
    {
        try
        {
            options.AppendExecutionProvider_CUDA(0);
            return true;
        }
        catch (Exception e) when (e is OnnxRuntimeException or EntryPointNotFoundException)
        {
            // A library that was built without CUDA, or CUDA's own libraries aren't there.
            return false;
        }
    }

    private static SessionOptions Options(int threads)
    {
        var options = new SessionOptions
        {
            GraphOptimizationLevel = GraphOptimizationLevel.ORT_ENABLE_ALL,
            ExecutionMode = ExecutionMode.ORT_SEQUENTIAL,
            IntraOpNumThreads = threads,
            InterOpNumThreads = 1,
        };
        // Threads that wait in a loop take the cores that other hosts' models need.
        options.AddSessionConfigEntry("session.intra_op.allow_spinning", "0");
        return options;
    }

    /// <summary>CUDA's errors 100 and 35: no device, and no driver (which CUDA takes for one that is too old).</summary>
    private static bool IsGpuMissing(OnnxRuntimeException e) =>
        e.Message.Contains("no CUDA-capable device", StringComparison.OrdinalIgnoreCase)
        || e.Message.Contains("CUDA driver version is insufficient", StringComparison.OrdinalIgnoreCase);

    /// <summary>The code is in the message only.</summary>
    private static bool IsMismatch(Exception e) => e.Message.Contains("[ErrorCode:InvalidArgument]", StringComparison.Ordinal);

    /// <summary>The first use of the library loads it, in a static constructor.</summary>
    private static bool IsLibraryMissing(Exception e) =>
        e is DllNotFoundException or BadImageFormatException or EntryPointNotFoundException
        || (e is TypeInitializationException { InnerException: { } inner } && IsLibraryMissing(inner));

    private static OutOfMemoryException OutOfMemory(ModelManifest manifest, Exception inner) =>
        new($"There is not enough memory for the {Name(manifest.Kind)} model '{manifest.Name}': {inner.Message}", inner);

    private static string Name(string kind) => kind == ModelKinds.SpeechCtc ? "speech" : kind;
}
