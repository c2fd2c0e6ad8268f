using System.Diagnostics;

namespace Omoai.Processes;

/// <summary>The bench, started again as one of <see cref="Worker"/>'s.</summary>
internal sealed class WorkerProcess : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private readonly Process _process;

    private WorkerProcess(Process process) => _process = process;

    public static WorkerProcess Start(params IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true };
        // One that is killed leaves its sockets for debuggers behind.
        start.Environment["DOTNET_EnableDiagnostics"] = "0";
        return new WorkerProcess(Process.Start(start)!);
    }

    /// <summary>The next line that it prints.</summary>
    public async Task<string> ReadAsync() => await _process.StandardOutput.ReadLineAsync().WaitAsync(Patience)
        ?? throw new InvalidOperationException("A worker ended too soon.");

    public async Task TellAsync()
    {
        await _process.StandardInput.WriteLineAsync();
        await _process.StandardInput.FlushAsync();
    }

    /// <summary>SIGKILL to it alone.</summary>
    public void Kill()
    {
        _process.Kill();
        _process.WaitForExit();
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            Kill();
        }

        _process.Dispose();
    }
}
