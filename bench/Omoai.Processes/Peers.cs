using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.Json;
using Omoai.Processes.Host;

namespace Omoai.Processes;

/// <summary>One inference with the demo speech model in a fresh process: ours, Python's and Node's.</summary>
internal sealed class Peers(Bench bench)
{
    private static readonly TimeSpan Space = TimeSpan.FromSeconds(0.6);

    private readonly string _scratch = bench.Folder("peers");

    public async Task RunAsync()
    {
        var rounds = bench.Quick ? 4 : 31;
        var features = Path.Combine(_scratch, "features.f32");
        using var hosts = new Hosts(bench.BenchHost);
        using var pool = new Hosts(bench.BenchHost, standby: 1);
        var input = JsonSerializer.SerializeToElement(
            new FeaturesInput(bench.Audio, bench.SpeechModel, features), HostJson.Default.FeaturesInput);
        var (made, _, _) = await hosts.TimeAsync("features", input, _scratch);
        var bins = made.Output!.Value.Deserialize(HostJson.Default.FeaturesOutput)!.Bins;
        var model = Path.Combine(bench.SpeechModel, "model.onnx");
        var infer = JsonSerializer.SerializeToElement(new InferInput(model, features, bins), HostJson.Default.InferInput);
        string[] common = [model, features, $"{bins}"];

        await using var python = Peer.TryStart(
            _scratch, "python3", [Path.Combine(bench.Repository, "bench/peers/peer.py"), NativeLibrary(), .. common]);
        var package = Path.Combine(bench.Repository, "eng/partial-feed/node_modules/onnxruntime-node");
        await using var node = Directory.Exists(package)
            ? Peer.TryStart(_scratch, "node", [Path.Combine(bench.Repository, "bench/peers/peer.js"), package, .. common]) : null;
        List<Way> ways =
        [
            new("ours, cold", "cold", () => OursAsync(hosts, infer, null)),
            new("ours, standby", "standby", () => OursAsync(pool, infer, infer)),
        ];
        pool.Expect("infer", infer);
        Console.WriteLine($"peers: one inference of 2 s of speech, one thread; ms from call to result, {rounds} rounds in turn: median (least; nine in ten)");
        if (python is not null)
        {
            ways.Add(new("Python, multiprocessing spawn", "python_spawn", () => python.AskAsync("spawn")));
            ways.Add(new("Python, subprocess", "python_subprocess", () => python.AskAsync("subprocess")));
        }
        else
        {
            Console.WriteLine("  Python: left out, there is no python3.");
        }

        if (node is not null)
        {
            ways.Add(new("Node, child_process.fork", "node", () => node.AskAsync("fork")));
        }
        else
        {
            Console.WriteLine("  Node: left out, there is no node or no onnxruntime-node.");
        }

        // The first round is for what happens once.
        for (var round = 0; round <= rounds; round++)
        {
            for (var turn = 0; turn < ways.Count; turn++)
            {
                await Task.Delay(Space);
                await ways[(round + turn) % ways.Count].CallAsync(keep: round > 0);
            }
        }

        Report(ways);
    }

    private void Report(List<Way> ways)
    {
        foreach (var way in ways)
        {
            Console.WriteLine($"  {way.Name,-36} {way.Median,8:F1} ({way.Times.Min():F1}; {Bench.At(way.Times, 0.9):F1})  {way.Median / ways[0].Median,5:F2} of ours, cold");
            bench.Figure($"isolation_peer_{way.Figure}_ms", way.Median);
        }

        bench.Check("peers", "all gave the same ids", ways.SelectMany(way => way.Answers).Distinct().Count() == 1);
        foreach (var ours in ways.Where(way => way.Name.StartsWith("ours", StringComparison.Ordinal)))
        {
            foreach (var theirs in ways.Where(way => !way.Name.StartsWith("ours", StringComparison.Ordinal)))
            {
                bench.Check("peers", $"{ours.Name} is faster than {theirs.Name}", ours.Median < theirs.Median);
                bench.Figure($"ours_{ours.Figure}_over_{theirs.Figure}", ours.Median / theirs.Median);
            }
        }
    }

    private async Task<(double Milliseconds, string Ids)> OursAsync(Hosts hosts, JsonElement input, JsonElement? warmUp)
    {
        var (result, milliseconds, _) = await hosts.TimeAsync("infer", input, _scratch, warmUp);
        return (milliseconds, result.Output!.Value.GetRawText());
    }

    /// <summary>The library that the activity host loads on this machine.</summary>
    private static string NativeLibrary()
    {
        var folder = Path.GetDirectoryName(Bench.ActivityHost)!;
        var architecture = RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant();
        return ((string[])[$"{folder}/runtimes/linux-{architecture}/native", folder])
            .Where(Directory.Exists).SelectMany(place => Directory.EnumerateFiles(place, "libonnxruntime.so*"))
            .FirstOrDefault() ?? throw new InvalidOperationException($"There is no libonnxruntime.so in {folder}.");
    }

    /// <summary>One way to have it done, and how long that took.</summary>
    private sealed class Way(string name, string figure, Func<Task<(double Milliseconds, string Ids)>> call)
    {
        public string Name => name;

        public string Figure => figure;

        public List<double> Times { get; } = [];

        public HashSet<string> Answers { get; } = [];

        public double Median => Bench.Median(Times);

        public async Task CallAsync(bool keep)
        {
            var (milliseconds, ids) = await call();
            Answers.Add(ids);
            if (keep)
            {
                Times.Add(milliseconds);
            }
        }
    }

    /// <summary>A parent in another language, which takes the time itself.</summary>
    private sealed class Peer : IAsyncDisposable
    {
        private readonly Process _process;

        private Peer(Process process) => _process = process;

        public static Peer? TryStart(string scratch, string program, IEnumerable<string> arguments)
        {
            try
            {
                var start = new ProcessStartInfo(program, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true };
                start.Environment["PYTHONDONTWRITEBYTECODE"] = "1";
                // ONNX Runtime leaves a file or two.
                start.Environment["TMPDIR"] = scratch;
                return new Peer(Process.Start(start)!);
            }
            catch (System.ComponentModel.Win32Exception)
            {
                return null;
            }
        }

        public async Task<(double Milliseconds, string Ids)> AskAsync(string way)
        {
            await _process.StandardInput.WriteLineAsync(way);
            await _process.StandardInput.FlushAsync();
            var line = await _process.StandardOutput.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(30))
                ?? throw new InvalidOperationException($"{_process.StartInfo.FileName} ended without an answer.");
            using var answer = JsonDocument.Parse(line);
            var ids = answer.RootElement.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32());
            return (answer.RootElement.GetProperty("milliseconds").GetDouble(), $"[{string.Join(',', ids)}]");
        }

        public async ValueTask DisposeAsync()
        {
            _process.StandardInput.Close();
            await _process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(30));
            _process.Dispose();
        }
    }
}
