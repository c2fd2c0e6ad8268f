using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Options;
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
    public async Task What_it_acknowledged_is_there_after_it_was_killed()
    {
        const int Writers = 4, Each = 25;
        var (process, port) = await AzuriteServer.StartAsync(_folder);
        var store = CreateStore(port);
        await using (process)
        {
            await Task.WhenAll(Enumerable.Range(0, Writers).Select(async writer =>
            {
                for (var number = 0; number < Each; number++)
                {
                    Assert.True(await store.CommitAsync(Name(writer, number), Content(writer, number), default));
                }
            }));
            await store.DeleteExactAsync(Name(0, 0), null, default);
            process.Kill();
        }

        await using var again = await AzuriteProcess.StartAsync(AzuriteServer.Folder, _folder, port, default);

        Assert.Null(await store.FindAsync(Name(0, 0), default));
        for (var index = 1; index < Writers * Each; index++)
        {
            var (writer, number) = Math.DivRem(index, Each);
            await using var stream = await store.OpenReadAsync(Name(writer, number), default);
            Assert.NotNull(stream);
            using var read = new MemoryStream();
            await stream.CopyToAsync(read);
            Assert.Equal(Content(writer, number).ToArray(), read.ToArray());
        }

        static string Name(int writer, int number) => $"omoai-work/{writer}/{number}";
        static MemoryStream Content(int writer, int number) => new(Enumerable.Repeat((byte)number, 1000 + writer).ToArray());
    }

    [AzuriteFact]
    public async Task A_write_that_it_can_not_save_is_not_acknowledged_and_the_next_one_saves_it()
    {
        var (process, port) = await AzuriteServer.StartAsync(_folder);
        var store = CreateStore(port);
        await using (process)
        {
            await store.CreateContainersAsync(default);
            // Where a database's temporary file is to be, so that it can't be written.
            var obstacle = Directory.CreateDirectory(Path.Combine(_folder, "__azurite_db_blob__.json~"));
            await Assert.ThrowsAnyAsync<IOException>(() => store.CommitAsync("omoai-work/1/a", new MemoryStream([1]), default));

            obstacle.Delete();
            Assert.True(await store.CommitAsync("omoai-work/1/b", new MemoryStream([1]), default));
            process.Kill();
        }

        await using var again = await AzuriteProcess.StartAsync(AzuriteServer.Folder, _folder, port, default);
        Assert.NotNull(await store.FindAsync("omoai-work/1/b", default));
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

    private static BlobArtifactStore CreateStore(int port)
    {
        var connection = AzuriteProcess.ConnectionString(port);
        return new BlobArtifactStore(
            AzuriteServer.CreateService(connection), Options.Create(new StorageOptions { ConnectionString = connection }), TimeProvider.System);
    }
}
