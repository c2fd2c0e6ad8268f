using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Omoai.Local.Storage;
using Omoai.Storage.Tests.Azurite;
using Omoai.Transcripts.Activities;

namespace Omoai.Storage.Tests;

public sealed class AzuriteProcessTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("omoai-test-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [AzuriteFact]
    public async Task It_ends_when_its_owner_lets_go_of_its_standard_input()
    {
        string[] arguments = ["run.js", "--silent", "--disableTelemetry", "--blobPort", "0", "--location", _folder];
        using var azurite = Process.Start(new ProcessStartInfo("node", arguments)
        {
            WorkingDirectory = AzuriteServer.Folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        })!;
        // Its first line says that it starts, the second that it listens.
        await azurite.StandardOutput.ReadLineAsync();
        Assert.Contains("listens", await azurite.StandardOutput.ReadLineAsync(), StringComparison.Ordinal);

        // As the kernel does when the owner is killed.
        azurite.StandardInput.Close();

        await azurite.WaitForExitAsync().WaitAsync(TimeSpan.FromMinutes(2));
    }

    [AzuriteFact]
    public async Task A_port_that_is_taken_is_said_so()
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        var port = ((IPEndPoint)other.LocalEndpoint).Port;

        var failure = await Assert.ThrowsAsync<IOException>(() => AzuriteProcess.StartAsync(AzuriteServer.Folder, _folder, port, default));

        Assert.Contains("EADDRINUSE", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Where_it_is_not_installed_the_message_says_what_to_do()
    {
        var failure = await Assert.ThrowsAsync<MissingRequirementException>(() => AzuriteProcess.StartAsync(_folder, _folder, 1, default));

        Assert.Contains("eng/install-azurite", failure.Message, StringComparison.Ordinal);
    }
}
