using System.Globalization;
using System.Runtime.CompilerServices;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using Omoai.Tests;

namespace Omoai.OnnxRuntime.Tests;

public sealed class MemoryTests
{
    private const int Elements = 1024;

    private static readonly byte[] Negate = new OnnxGraph()
        .Input("in", TensorElementType.Float, Elements)
        .Output("out", TensorElementType.Float, Elements)
        .Node("Neg", ["in"], ["out"])
        .ToModel();

    [Fact]
    public void Memory_under_a_tensor_stays_where_it_is_when_the_collector_moves_things()
    {
        using var session = new InferenceSession(Negate);
        using var options = new RunOptions();
        var inputs = Enumerable.Range(0, 100).Select(OverUnreferencedArray).ToList();

        GC.Collect(2, GCCollectionMode.Forced, blocking: true, compacting: true);
        Overwrite();

        foreach (var (input, number) in inputs.Select((input, number) => (input, number)))
        {
            using (input)
            {
                using var results = session.Run(options, ["in"], [input], ["out"]);
                foreach (var element in results[0].GetTensorDataAsSpan<float>())
                {
                    Assert.Equal(-number, element);
                }
            }
        }
    }

    [StatmFact]
    public void Ten_thousand_runs_do_not_grow_the_process()
    {
        using var session = new InferenceSession(Negate);
        using var options = new RunOptions();
        var data = new float[Elements];
        Run(2_000);
        var before = ResidentBytes();
        Run(10_000);

        // One output kept a run would be 40 MB.
        Assert.InRange(ResidentBytes() - before, long.MinValue, 20_000_000);

        void Run(int times)
        {
            for (var i = 0; i < times; i++)
            {
                using var input = OrtValue.CreateTensorValueFromMemory(data, [Elements]);
                using var results = session.Run(options, ["in"], [input], ["out"]);
            }
        }
    }

    [StatmFact]
    public void Five_hundred_sessions_do_not_grow_the_process()
    {
        Run(50);
        var before = ResidentBytes();
        Run(500);
        Assert.InRange(ResidentBytes() - before, long.MinValue, 20_000_000);

        static void Run(int times)
        {
            for (var i = 0; i < times; i++)
            {
                using var options = new SessionOptions { IntraOpNumThreads = 1 };
                using var session = new InferenceSession(Negate, options);
            }
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static OrtValue OverUnreferencedArray(int number)
    {
        // What lies before the array is garbage at once, so that a compacting collection would move the array.
        GC.KeepAlive(new byte[10_000]);
        var data = new float[Elements];
        Array.Fill(data, number);
        return OrtValue.CreateTensorValueFromMemory(data, [Elements]);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Overwrite()
    {
        for (var i = 0; i < 2_000; i++)
        {
            Array.Fill(new float[Elements], float.NaN);
        }
    }

    private static long ResidentBytes()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        var pages = File.ReadAllText("/proc/self/statm").Split(' ')[1];
        return long.Parse(pages, CultureInfo.InvariantCulture) * Environment.SystemPageSize;
    }

    /// <summary>A test that reads /proc/self/statm.</summary>
    [AttributeUsage(AttributeTargets.Method)]
    private sealed class StatmFactAttribute : FactAttribute
    {
        public StatmFactAttribute() => Skip = OperatingSystem.IsLinux() ? null : "Only Linux has /proc/self/statm.";
    }
}
