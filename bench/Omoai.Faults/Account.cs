using System.Net;
using System.Net.Sockets;
using Azure.Storage.Blobs;
using Omoai.Local.Storage;

namespace Omoai.Faults;

/// <summary>An Azurite that can be killed and started again on its data.</summary>
internal sealed class Account : IAsyncDisposable
{
    private readonly string _folder;
    private readonly string _data;
    private readonly int _port;
    private AzuriteProcess _process;

    private Account(string folder, string data, int port, AzuriteProcess process) =>
        (_folder, _data, _port, _process) = (folder, data, port, process);

    public string ConnectionString => AzuriteProcess.ConnectionString(_port);

    public BlobServiceClient Service => new(ConnectionString);

    public static async Task<Account> StartAsync(string folder, string data)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;
        listener.Stop();
        return new Account(folder, data, port, await AzuriteProcess.StartAsync(folder, data, port, default));
    }

    /// <summary>SIGKILL, and a new one after a while.</summary>
    public async Task KillAsync(TimeSpan away)
    {
        _process.Kill();
        await _process.Exited;
        await Task.Delay(away);
        _process = await AzuriteProcess.StartAsync(_folder, _data, _port, default);
    }

    public async ValueTask DisposeAsync()
    {
        _process.Kill();
        await _process.DisposeAsync();
    }
}
