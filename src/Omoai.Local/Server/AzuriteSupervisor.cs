using Microsoft.Extensions.Logging;
using Omoai.Local.Storage;
using Omoai.Transcripts.Activities;

namespace Omoai.Local.Server;

/// <summary>Keeps an Azurite running as long as the server does: one that ends is started again, on the same data.</summary>
internal sealed partial class AzuriteSupervisor : IAsyncDisposable
{
    private static readonly TimeSpan MaxPause = TimeSpan.FromSeconds(30);

    private readonly string _folder;
    private readonly string _data;
    private readonly int _port;
    private readonly CancellationTokenSource _stopping = new();
    private AzuriteProcess _process;
    private Task _watching = Task.CompletedTask;

    private AzuriteSupervisor(string folder, string data, int port, AzuriteProcess process) =>
        (_folder, _data, _port, _process) = (folder, data, port, process);

    /// <summary>Starts one, and comes back when it listens.</summary>
    /// <inheritdoc cref="AzuriteProcess.StartAsync"/>
    public static async Task<AzuriteSupervisor> StartAsync(string data, int port, CancellationToken cancellationToken)
    {
        var folder = FindFolder();
        return new AzuriteSupervisor(folder, data, port, await AzuriteProcess.StartAsync(folder, data, port, cancellationToken));
    }

    /// <summary>Starts it again whenever it ends.</summary>
    public void Watch(ILogger logger) => _watching = WatchAsync(logger);

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _watching;
        await _process.DisposeAsync();
        _stopping.Dispose();
    }

    private async Task WatchAsync(ILogger logger)
    {
        var pause = TimeSpan.FromSeconds(0.2);
        try
        {
            while (true)
            {
                await _process.Exited.WaitAsync(_stopping.Token);
                LogEnded(logger);
                await Task.Delay(pause, _stopping.Token);
                try
                {
                    _process = await AzuriteProcess.StartAsync(_folder, _data, _port, _stopping.Token);
                    pause = TimeSpan.FromSeconds(0.2);
                    LogStarted(logger, _port);
                }
                catch (IOException e)
                {
                    pause = pause * 2 < MaxPause ? pause * 2 : MaxPause;
                    LogFailed(logger, e.Message);
                }
            }
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
        }
    }

    /// <summary>The folder eng/azurite of the checkout that this program was built in.</summary>
    private static string FindFolder()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "eng", "azurite", "run.js")))
            {
                return Path.Combine(folder.FullName, "eng", "azurite");
            }
        }

        throw new MissingRequirementException(
            "Azurite comes with a checkout of Omoai, and this program runs outside one. Start Azurite yourself " +
            "(npx azurite-blob), or use --storage with a connection string or a folder.");
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Azurite has ended; it is started again")]
    private static partial void LogEnded(ILogger logger);

    [LoggerMessage(Level = LogLevel.Information, Message = "Azurite listens on port {Port} again")]
    private static partial void LogStarted(ILogger logger, int port);

    [LoggerMessage(Level = LogLevel.Error, Message = "Azurite can't be started: {Reason}")]
    private static partial void LogFailed(ILogger logger, string reason);
}
