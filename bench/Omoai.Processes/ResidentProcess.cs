using System.Diagnostics;
using System.Text.Json;
using Omoai.Isolation.Protocol;

namespace Omoai.Processes;

/// <summary>The caller's side of a process that stays: the same pipe and frames as a host's, without a host's end.</summary>
internal sealed class ResidentProcess : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly Process _process;
    private readonly PrivatePipe _pipe;

    private ResidentProcess(Process process, PrivatePipe pipe) => (_process, _pipe) = (process, pipe);

    public static async Task<ResidentProcess> StartAsync(string path, string folder, string model)
    {
        var pipe = new PrivatePipe(folder);
        var start = new ProcessStartInfo(path, ["resident", pipe.Name, model, "1"]) { WorkingDirectory = folder };
        start.Environment["CUDA_VISIBLE_DEVICES"] = "-1";
        start.Environment["TMPDIR"] = folder;
        var process = Process.Start(start)!;
        using var late = new CancellationTokenSource(Patience);
        await pipe.AcceptAsync(process.Id, late.Token);
        _ = await Frames.ReadAsync(pipe.Stream, late.Token);
        return new ResidentProcess(process, pipe);
    }

    /// <returns>Milliseconds from call to result.</returns>
    public async Task<double> TimeAsync(string activity, JsonElement input)
    {
        var began = Stopwatch.GetTimestamp();
        var request = new Request(activity, input, _process.StartInfo.WorkingDirectory);
        await _pipe.Stream.WriteAsync(Frames.Create(FrameKind.Request, request, ProtocolJson.Default.Request));
        while (await Frames.ReadAsync(_pipe.Stream, default) is var (kind, body))
        {
            if (kind == FrameKind.Progress)
            {
                _ = Frames.Parse(kind, body, ProtocolJson.Default.HostProgress);
                continue;
            }

            _ = Frames.Parse(kind, body, ProtocolJson.Default.Reply).Output ?? throw new InvalidOperationException("The resident failed.");
            return Stopwatch.GetElapsedTime(began).TotalMilliseconds;
        }

        throw new InvalidOperationException("The resident ended.");
    }

    public async ValueTask DisposeAsync()
    {
        // It ends with its pipe.
        await _pipe.DisposeAsync();
        await _process.WaitForExitAsync().WaitAsync(Patience);
        _process.Dispose();
    }
}
