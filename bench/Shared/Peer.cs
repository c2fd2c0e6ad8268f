using System.Diagnostics;
using System.Text.Json;

namespace Omoai.Benchmarks;

/// <summary>A peer in a process of its own that does the work once for each line it is sent, and answers with a line of JSON.</summary>
internal sealed class Peer : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    private readonly Process _process;

    private Peer(Process process) => _process = process;

    /// <returns>Null where there is no Node, or it can't be used: it has said why.</returns>
    public static async Task<Peer?> TryStartAsync(Bench bench, string script, params string[] arguments)
    {
        var start = new ProcessStartInfo("node", [Path.Combine(bench.Repository, "bench", "peers", script), .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        start.Environment["TMPDIR"] = bench.Work;
        start.Environment["LD_LIBRARY_PATH"] = Path.Combine(bench.Repository, "bench/peers/node_modules/sherpa-onnx-linux-x64");
        try
        {
            var peer = new Peer(Process.Start(start)!);
            if (await peer.ReadAsync() is not null)
            {
                return peer;
            }

            await peer.DisposeAsync();
        }
        catch (System.ComponentModel.Win32Exception)
        {
            Console.WriteLine("  There is no node.");
        }

        Console.WriteLine($"  {script} is left out.");
        return null;
    }

    /// <returns>Seconds, and what else it says.</returns>
    public async Task<(double Seconds, JsonElement Answer)> RunAsync()
    {
        await _process.StandardInput.WriteLineAsync("run");
        await _process.StandardInput.FlushAsync();
        var answer = await ReadAsync() ?? throw new InvalidOperationException("A peer ended without an answer.");
        return (answer.GetProperty("seconds").GetDouble(), answer);
    }

    public async ValueTask DisposeAsync()
    {
        _process.StandardInput.Close();
        await _process.WaitForExitAsync().WaitAsync(Patience);
        _process.Dispose();
    }

    private async Task<JsonElement?> ReadAsync()
    {
        var line = await _process.StandardOutput.ReadLineAsync().WaitAsync(Patience);
        return line is null ? null : JsonSerializer.Deserialize<JsonElement>(line);
    }
}
