using System.ComponentModel;
using System.Diagnostics;
using Omoai.Isolation.Linux;

namespace Omoai.Isolation.Hosts;

/// <summary>
/// A host started by <see cref="Process"/>, for systems other than Linux and for an old C library. Weaker: there is no process group, so what
/// outlives its own parent inside the host's tree is not found, and there is no polite request to stop.
/// </summary>
internal sealed class PortableHostProcess : HostProcess
{
    private static readonly TimeSpan DrainTime = TimeSpan.FromSeconds(2);

    private readonly Process _process;

    private PortableHostProcess(Process process, HostStart start)
    {
        _process = process;
        Pid = process.Id;
        Exited = Task.Run(() => WatchAsync(start));
    }

    public override int Pid { get; }

    public override Task<HostExit> Exited { get; }

    /// <summary>Starts one, on the thread that lasts.</summary>
    /// <exception cref="HostStartException">The executable can't be started.</exception>
    public static Task<HostProcess> StartAsync(HostStart start) => SpawnThread.RunAsync<HostProcess>(() => Start(start));

    private static PortableHostProcess Start(HostStart start)
    {
        var info = new ProcessStartInfo(start.Path, start.Arguments)
        {
            UseShellExecute = false,
            CreateNoWindow = true,
            WorkingDirectory = start.WorkingDirectory,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        info.Environment.Clear();
        foreach (var (name, value) in start.Environment)
            info.Environment[name] = value;
        try
        {
            return new PortableHostProcess(Process.Start(info)!, start);
        }
        catch (Win32Exception e)
        {
            throw new HostStartException(e.Message, missing: true, e);
        }
    }

    public override void Terminate() => Kill();

    public override void Kill()
    {
        try
        {
            _process.Kill(entireProcessTree: true);
        }
        catch (Exception e) when (e is InvalidOperationException or Win32Exception or AggregateException)
        {
            // It has ended.
        }
    }

    private async Task<HostExit> WatchAsync(HostStart start)
    {
        var stdout = new BoundedCapture(start.MaxCapturedOutputBytes);
        var stderr = new BoundedCapture(start.MaxCapturedOutputBytes);
        var drained = Task.WhenAll(
            DrainAsync(_process.StandardOutput.BaseStream, stdout, bytes => start.Listener?.Invoke(isError: false, bytes)),
            DrainAsync(_process.StandardError.BaseStream, stderr, bytes => start.Listener?.Invoke(isError: true, bytes)));
        await _process.WaitForExitAsync();
        // What the host left behind may hold its streams open.
        await Task.WhenAny(drained, Task.Delay(DrainTime));
        var exitCode = _process.ExitCode;
        _process.Dispose();
        return new HostExit(exitCode, null, null, Kept(stdout), Kept(stderr));
    }

    private static CapturedOutput Kept(BoundedCapture capture)
    {
        lock (capture)
            return capture.ToOutput();
    }

    private static async Task DrainAsync(Stream stream, BoundedCapture capture, Action<ReadOnlySpan<byte>> listener)
    {
        var buffer = new byte[16 << 10];
        try
        {
            while (await stream.ReadAsync(buffer) is > 0 and var count)
            {
                lock (capture)
                    capture.Append(buffer.AsSpan(0, count));
                listener(buffer.AsSpan(0, count));
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // Closed: there is no more.
        }
    }
}
