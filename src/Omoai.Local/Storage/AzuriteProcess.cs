using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Omoai.Isolation.Hosts;
using Omoai.Transcripts.Activities;

namespace Omoai.Local.Storage;

/// <summary>
/// Azurite's blob service as a process of ours, on the loopback address. It ends with its owner, however that ends, and
/// not by a Ctrl+C meant for the owner: it has a session of its own, and its standard input is a pipe that only the owner
/// holds open. The data folder stays.
/// </summary>
/// <remarks>
/// What it has acknowledged is there again after <see cref="Kill"/>: run.js sees to that, Azurite by itself would not.
/// </remarks>
internal sealed class AzuriteProcess : IAsyncDisposable
{
    /// <summary>Where Azurite listens by default.</summary>
    public const int DefaultPort = 10000;

    // A matter of seconds, but on a machine that has much else to do.
    private static readonly TimeSpan StartTime = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan StopTime = TimeSpan.FromSeconds(10);

    private readonly HostProcess _process;

    private AzuriteProcess(HostProcess process) => _process = process;

    /// <summary>Why Azurite can't be started here, for people; null where it can.</summary>
    /// <param name="folder">The folder eng/azurite of a checkout.</param>
    public static string? Missing(string folder) =>
        FindNode() is null ? "Azurite needs Node.js 20 or later with npm: install it (https://nodejs.org), then run eng/install-azurite."
        : !File.Exists(Path.Combine(folder, "node_modules", ".package-lock.json")) ? "Azurite isn't installed: run eng/install-azurite."
        : null;

    /// <summary>The connection string of an Azurite that listens on <paramref name="port"/>; its key is known to everybody.</summary>
    public static string ConnectionString(int port) => string.Create(
        CultureInfo.InvariantCulture,
        $"DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;BlobEndpoint=http://127.0.0.1:{port}/devstoreaccount1;");

    /// <summary>Whether something listens on a port of the loopback address.</summary>
    public static async Task<bool> ListensAsync(int port, CancellationToken cancellationToken)
    {
        using var client = new TcpClient(AddressFamily.InterNetwork);
        try
        {
            await client.ConnectAsync(IPAddress.Loopback, port, cancellationToken);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    /// <summary>Starts one, and comes back when it listens.</summary>
    /// <param name="folder">The folder eng/azurite of a checkout.</param>
    /// <param name="dataFolder">Where it keeps the blobs; made when it isn't there.</param>
    /// <param name="port">Where it is to listen, 1 to 65535.</param>
    /// <param name="cancellationToken">Ends it, while it starts.</param>
    /// <exception cref="MissingRequirementException">It isn't installed.</exception>
    /// <exception cref="IOException">It doesn't start.</exception>
    public static async Task<AzuriteProcess> StartAsync(string folder, string dataFolder, int port, CancellationToken cancellationToken)
    {
        if (Missing(folder) is { } missing)
        {
            throw new MissingRequirementException(missing);
        }

        if (await ListensAsync(port, cancellationToken))
        {
            throw new IOException($"Azurite doesn't start: port {port} is taken (EADDRINUSE).");
        }

        dataFolder = Directory.CreateDirectory(dataFolder).FullName;
        var environment = new[] { "PATH", "HOME", "TMPDIR", "SystemRoot", "TEMP" }
            .Where(name => !string.IsNullOrEmpty(Environment.GetEnvironmentVariable(name)))
            .ToDictionary(name => name, name => Environment.GetEnvironmentVariable(name)!);
        string[] arguments =
        [
            Path.GetFullPath(Path.Combine(folder, "run.js")), "--silent", "--disableTelemetry", "--skipApiVersionCheck",
            "--blobHost", "127.0.0.1", "--blobPort", port.ToString(CultureInfo.InvariantCulture), "--location", dataFolder,
        ];
        HostProcess process;
        try
        {
            process = await HostProcess.ForThisSystem().Start(new HostStart(FindNode()!, arguments, environment, dataFolder, 16 << 10));
        }
        catch (HostStartException e)
        {
            throw new IOException($"Azurite doesn't start: {e.Message}", e);
        }

        var azurite = new AzuriteProcess(process);
        try
        {
            await azurite.WaitAsync(port, cancellationToken);
            return azurite;
        }
        catch
        {
            azurite.Kill();
            throw;
        }
    }

    /// <summary>Completes when it has ended.</summary>
    public Task Exited => _process.Exited;

    /// <summary>Ends it at once.</summary>
    public void Kill() => _process.Kill();

    /// <summary>Asks it to stop, and kills it if it doesn't; comes back when it has ended.</summary>
    public async ValueTask DisposeAsync()
    {
        _process.Terminate();
        await Task.WhenAny(_process.Exited, Task.Delay(StopTime));
        _process.Kill();
        await _process.Exited;
    }

    private async Task WaitAsync(int port, CancellationToken cancellationToken)
    {
        var started = Stopwatch.GetTimestamp();
        while (!await ListensAsync(port, cancellationToken))
        {
            if (_process.Exited.IsCompleted)
            {
                var exit = await _process.Exited;
                throw new IOException($"Azurite doesn't start: {exit.Stderr.Text.Trim()} {exit.Stdout.Text.Trim()}");
            }

            if (Stopwatch.GetElapsedTime(started) > StartTime)
            {
                throw new IOException($"Azurite doesn't listen on port {port} after {StartTime.TotalSeconds} s.");
            }

            await Task.Delay(50, cancellationToken);
        }
    }

    private static string? FindNode() => (Environment.GetEnvironmentVariable("PATH") ?? "")
        .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
        .Select(folder => Path.Combine(folder, OperatingSystem.IsWindows() ? "node.exe" : "node"))
        .FirstOrDefault(File.Exists);
}
