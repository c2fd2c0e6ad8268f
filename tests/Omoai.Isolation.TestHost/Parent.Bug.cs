using System.Text.Json;

namespace Omoai.Isolation.TestHost;

/// <summary>Parents that do what a worker must never do, and then start hosts.</summary>
internal static partial class Parent
{
    private const int HeapMib = 200;

    /// <summary>
    /// Initialises a driver library in this process; prints what this process, one forked from it and so many hosts are told when they use it.
    /// </summary>
    public static async Task<int> UseDriverAsync(string library, int hosts, string scratch)
    {
        Console.WriteLine($"parent {string.Join(' ', FakeGpu.Use(library))}");
        Console.WriteLine($"fork {string.Join(' ', FakeGpu.UseAfterFork(library))}");
        var launcher = CreateLauncher(scratch);
        for (var i = 0; i < hosts; i++)
        {
            var result = await launcher.RunAsync(Request("use-driver", scratch) with { Input = JsonSerializer.SerializeToElement(library) });
            Console.WriteLine($"host {string.Join(' ', result.Output?.Deserialize<int[]>() ?? [])} {result.Failure}{result.Evidence.ParentHadCuda}");
        }
        return 0;
    }

    /// <summary>
    /// Has the same work on the heap done by three hosts, then does it itself; prints by how many MiB this process has grown by the one and by
    /// the other, and how many MiB each host has had at its most.
    /// </summary>
    public static async Task<int> UseHeapAsync(string scratch)
    {
        var launcher = CreateLauncher(scratch);
        // What this process needs to start hosts at all is no part of it.
        await launcher.RunAsync(Request("echo", scratch));
        var before = Resident();
        var peaks = new List<long>();
        for (var i = 0; i < 3; i++)
        {
            var result = await launcher.RunAsync(Request("use-heap", scratch) with { Input = JsonSerializer.SerializeToElement(HeapMib) });
            peaks.Add((result.Output is null ? 0 : result.Evidence.PeakMemoryBytes ?? 0) >> 20);
        }
        var after = Resident();
        NativeHeap.Use(HeapMib);
        Console.WriteLine($"{after - before} {Resident() - after} {string.Join(' ', peaks)}");
        return 0;
    }

    private static long Resident() => Environment.WorkingSet >> 20;
}
