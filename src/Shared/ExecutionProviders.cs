using System.Globalization;
using Microsoft.ML.OnnxRuntime;
using Omoai.Transcripts.Activities;

namespace Omoai.Shared;

/// <summary>What runs a graph and why.</summary>
/// <param name="Name"><c>cuda</c> or <c>cpu</c>.</param>
/// <param name="Reason">For people: what decided it.</param>
internal sealed record ExecutionProvider(string Name, string Reason);

/// <summary>The ladder from CUDA down to the processor. A rung that isn't there is stepped over; a GPU that is full is not.</summary>
internal static class ExecutionProviders
{
    /// <summary>Makes a session on the highest rung that holds.</summary>
    /// <param name="path">The graph.</param>
    /// <param name="threads">Threads on the processor.</param>
    /// <param name="cuda">How to use CUDA; null where the model isn't worth a device's context.</param>
    public static (InferenceSession Session, ExecutionProvider Provider) Create(string path, int threads, CudaSettings? cuda)
    {
        var (session, why) = TryCuda(path, threads, cuda);
        if (session is not null)
        {
            return (session, new ExecutionProvider("cuda", why));
        }

        using var options = Options(threads);
        var reason = string.Create(CultureInfo.InvariantCulture, $"{threads} {(threads == 1 ? "thread" : "threads")}; {why}");
        return (new InferenceSession(path, options), new ExecutionProvider("cpu", reason));
    }

    /// <summary>CUDA's options under the names that ONNX Runtime gives them.</summary>
    public static Dictionary<string, string> CudaOptions(CudaSettings settings)
    {
        var options = new Dictionary<string, string>
        {
            // CUDA_VISIBLE_DEVICES shows the leased device alone, as the first.
            ["device_id"] = "0",
            ["arena_extend_strategy"] = settings.Arena switch
            {
                ArenaStrategy.NextPowerOfTwo => "kNextPowerOfTwo",
                _ => "kSameAsRequested",
            },
            ["cudnn_conv_algo_search"] = settings.ConvolutionSearch.ToString().ToUpperInvariant(),
            ["do_copy_in_default_stream"] = settings.CopyInDefaultStream ? "1" : "0",
        };
        if (settings.MemoryLimitMb > 0)
        {
            options["gpu_mem_limit"] = ((long)settings.MemoryLimitMb << 20).ToString(CultureInfo.InvariantCulture);
        }

        return options;
    }

    private static (InferenceSession? Session, string Why) TryCuda(string path, int threads, CudaSettings? cuda)
    {
        if (cuda is null)
        {
            return (null, "the model is too small to be worth a GPU");
        }

        // The parent chooses the device, or none, by this variable; see docs/configuration.md.
        var visible = Environment.GetEnvironmentVariable("CUDA_VISIBLE_DEVICES");
        if (visible is "" or "-1")
        {
            return (null, "no GPU was given (CUDA_VISIBLE_DEVICES is empty)");
        }

        using var options = Options(threads);
        var wanted = CudaOptions(cuda);
        try
        {
            using var provider = new OrtCUDAProviderOptions();
            provider.UpdateOptions(wanted);
            options.AppendExecutionProvider_CUDA(provider);
        }
        catch (Exception e) when (e is OnnxRuntimeException or EntryPointNotFoundException)
        {
            // A library that was built without CUDA, or CUDA's own libraries aren't there.
            return (null, $"CUDA can't be used: {FirstLine(e.Message)}");
        }

        try
        {
            var told = string.Join(", ", wanted.Select(option => $"{option.Key}={option.Value}"));
            return (new InferenceSession(path, options), $"device {visible ?? "0"}; {told}");
        }
        catch (OnnxRuntimeException e) when (IsGpuMissing(e))
        {
            // CUDA's libraries are there and no GPU is. A GPU that is full, in contrast, is worth another attempt.
            return (null, $"CUDA finds no GPU: {FirstLine(e.Message)}");
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

    private static string FirstLine(string message)
    {
        var line = message.Split('\n', 2)[0].Trim();
        return line.Length <= 300 ? line : line[..300] + "...";
    }
}
