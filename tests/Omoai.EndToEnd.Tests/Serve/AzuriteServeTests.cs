using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Azure.Storage;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Omoai.EndToEnd.TestHost;
using Omoai.Local.Storage;
using Omoai.Pipeline;
using Omoai.Tests;

namespace Omoai.EndToEnd.Serve;

/// <summary><c>omoai serve</c> on a storage account: a blob that somebody uploads is transcribed, and nobody has to call anything.</summary>
public sealed class AzuriteServeTests(AzuriteServeTests.Account account) : IClassFixture<AzuriteServeTests.Account>
{
    private readonly string _unique = Guid.NewGuid().ToString("n")[..12];

    private string Input => $"in-{_unique}";

    private string Work => $"work-{_unique}";

    private string Output => $"out-{_unique}";

    [AzuriteFact]
    public async Task An_uploaded_blob_is_transcribed_once_and_again_when_it_is_overwritten()
    {
        using var folder = CreateFolder();
        var recording = Recording.Good(0);
        string first;
        await using (await folder.StartAsync())
        {
            first = await UploadAsync("meeting.wav", recording);
            await AssertTranscribedAsync(first, recording);
        }

        var before = await ETagsAsync();
        await using var server = await folder.StartAsync();
        var next = Recording.Good(1);
        var second = await UploadAsync("meeting.wav", next);
        await AssertTranscribedAsync(second, next);

        // By then the first version would have been taken again, if it could be.
        Assert.Equal([first, second], (await server.StatusesAsync()).Keys.OrderBy(id => id != first));
        var after = await ETagsAsync();
        Assert.All(before, blob => Assert.Equal(blob.Value, after[blob.Key]));
        await folder.AssertCleanAsync();
    }

    [AzuriteFact]
    public async Task Names_that_would_lead_out_of_a_folder_or_are_as_long_as_they_may_be_are_only_names()
    {
        using var folder = CreateFolder();
        await using var server = await folder.StartAsync();
        string[] names = ["../../x.wav", "..%2f..%2fy.wav", string.Concat(Enumerable.Repeat("日ä🎙x", 200))];
        var jobs = new List<(string Id, byte[] Recording)>();
        foreach (var name in names)
        {
            var recording = Recording.Good(jobs.Count);
            jobs.Add((await UploadAsync(name, recording), recording));
        }

        foreach (var (id, recording) in jobs)
        {
            await AssertTranscribedAsync(id, recording);
        }

        Assert.Equal(names.Length, (await server.StatusesAsync()).Count);
        await folder.AssertCleanAsync();
    }

    [AzuriteFact]
    public async Task What_can_not_be_a_recording_or_is_too_large_fails_with_its_reason_and_is_never_fetched()
    {
        using var folder = CreateFolder(("Omoai__Pipeline__MaxRecordingBytes", "2048"));
        await using var server = await folder.StartAsync();
        string[] ids = [await UploadAsync("empty.wav", []), await UploadAsync("large.wav", new byte[2049])];

        foreach (var id in ids)
        {
            await UntilWrittenAsync(id, "error.json");
            Assert.Equal("failed", await server.EndOfAsync(id));
            var error = await account.Service.GetBlobContainerClient(Output).GetBlobClient($"{id}/error.json").DownloadContentAsync();
            using var json = JsonDocument.Parse(error.Value.Content);
            Assert.Equal("bad_input", json.RootElement.GetProperty("error").GetProperty("class").GetString());
            // No attempt and no evidence: no activity host was started, nothing was downloaded for one.
            Assert.Empty(account.Service.GetBlobContainerClient(Work).GetBlobs(prefix: $"{id}/"));
        }

        Assert.Equal(2, account.Service.GetBlobContainerClient(Input).GetBlobs().Count());
    }

    private ServeFolder CreateFolder(params (string, string)[] settings) => new(
        storage: account.ConnectionString,
        settings:
        [
            ("Omoai__Storage__InputContainer", Input), ("Omoai__Storage__ApiContainer", $"api-{_unique}"),
            ("Omoai__Storage__WorkContainer", Work), ("Omoai__Storage__OutputContainer", Output), .. settings,
        ]);

    /// <summary>Uploads, and gives the id that the job must have.</summary>
    private async Task<string> UploadAsync(string name, byte[] content)
    {
        // The SDK's own way to a client takes dots in a name for folders.
        var uri = new Uri($"{account.Service.GetBlobContainerClient(Input).Uri}/{Uri.EscapeDataString(name)}");
        var blob = new BlobClient(uri, account.Credential);
        var info = await blob.UploadAsync(new BinaryData(content), overwrite: true);
        return JobId.Create("audio-in", name, info.Value.ETag.ToString("G"), run: 1);
    }

    private async Task AssertTranscribedAsync(string id, byte[] recording)
    {
        await UntilWrittenAsync(id, "run.json");
        var text = await account.Service.GetBlobContainerClient(Output).GetBlobClient($"{id}/transcript.txt").DownloadContentAsync();
        Assert.Equal(Recording.TextOf(recording), text.Value.Content.ToString());
    }

    private Task UntilWrittenAsync(string id, string file) => Until.TrueAsync(
        $"{file} of job {id} is there",
        async () => (await account.Service.GetBlobContainerClient(Output).GetBlobClient($"{id}/{file}").ExistsAsync()).Value);

    /// <summary>Every output with its version: a blob that is written again gets another.</summary>
    private async Task<Dictionary<string, string>> ETagsAsync()
    {
        var tags = new Dictionary<string, string>();
        await foreach (BlobItem blob in account.Service.GetBlobContainerClient(Output).GetBlobsAsync())
        {
            tags.Add(blob.Name, $"{blob.Properties.ETag}");
        }

        return tags;
    }

    /// <summary>An Azurite of these tests' own.</summary>
    public sealed class Account : IAsyncLifetime
    {
        private readonly string _folder = Directory.CreateTempSubdirectory("omoai-azurite-").FullName;
        private AzuriteProcess? _process;

        public static string Source { get; } = Path.Combine(TestPaths.Repository, "eng", "azurite");

        public string ConnectionString { get; private set; } = "";

        public BlobServiceClient Service { get; private set; } = null!;

        public StorageSharedKeyCredential Credential { get; private set; } = null!;

        public async Task InitializeAsync()
        {
            if (AzuriteProcess.Missing(Source) is not null)
            {
                return;
            }

            for (var attempt = 1; _process is null; attempt++)
            {
                var port = FreePort();
                try
                {
                    _process = await AzuriteProcess.StartAsync(Source, _folder, port, default);
                    ConnectionString = AzuriteProcess.ConnectionString(port);
                }
                catch (IOException e) when (attempt < 5 && e.Message.Contains("EADDRINUSE", StringComparison.Ordinal))
                {
                }
            }

            Service = new BlobServiceClient(ConnectionString);
            var key = ConnectionString.Split(';').Single(part => part.StartsWith("AccountKey=", StringComparison.Ordinal));
            Credential = new StorageSharedKeyCredential(Service.AccountName, key["AccountKey=".Length..]);
        }

        public async Task DisposeAsync()
        {
            if (_process is not null)
            {
                _process.Kill();
                await _process.DisposeAsync();
            }

            Directory.Delete(_folder, recursive: true);
        }

        private static int FreePort()
        {
            using var listener = new TcpListener(IPAddress.Loopback, 0);
            listener.Start();
            return ((IPEndPoint)listener.LocalEndpoint).Port;
        }
    }

    [AttributeUsage(AttributeTargets.Method)]
    private sealed class AzuriteFactAttribute : FactAttribute
    {
        public AzuriteFactAttribute() => Skip = AzuriteProcess.Missing(Account.Source);
    }
}
