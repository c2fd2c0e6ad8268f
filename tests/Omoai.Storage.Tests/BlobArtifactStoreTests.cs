using System.Net;
using Azure.Core;
using Azure.Core.Pipeline;
using Azure.Storage.Blobs;
using Azure.Storage.Sas;
using Microsoft.Extensions.Options;
using Omoai.Local.Storage;
using Omoai.Pipeline.Artifacts;
using Omoai.Storage.Tests.Azurite;

namespace Omoai.Storage.Tests;

/// <summary>What an account of blob storage does beside <see cref="ArtifactStoreTests"/>, against a real Azurite.</summary>
[Collection(AzuriteTests.Name)]
public sealed class BlobArtifactStoreTests(AzuriteServer azurite) : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("omoai-test-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [AzuriteFact]
    public async Task Any_name_is_the_name_of_one_blob_and_of_no_file()
    {
        var store = azurite.CreateStore(out var service, out var options);
        await store.CreateContainersAsync(default);
        string[] names =
        [
            "../../x.wav", "a/../b.wav", "a/./b.wav", "/lead.wav", "trail/", "a//b", "/etc/passwd", "a b%20+?#&.wav", "a%2Fb",
            "日本/録音.wav", "😀.wav", new string('é', 1000), "..%2F..%2Fx.wav", "con", ".hidden",
        ];
        foreach (var name in names)
        {
            await PutAsync(service, options.InputContainer, name, name);
        }

        var scratch = Directory.CreateDirectory(Path.Combine(_folder, "a", "b", "scratch")).FullName;
        var listed = new List<string>();
        await foreach (var info in store.ListAsync("audio-in/", default))
        {
            listed.Add(info.Name["audio-in/".Length..]);
            var file = await store.FetchAsync(info.Name, info.Version, scratch, default);
            Assert.Equal(scratch, Path.GetDirectoryName(file));
            Assert.Equal(listed[^1], File.ReadAllText(file));
            Assert.Equal(info, await store.FindAsync(info.Name, default));
        }

        Assert.Equal(names.Order(StringComparer.Ordinal), listed.Order(StringComparer.Ordinal));
        Assert.Equal(names.Length, Directory.EnumerateFiles(_folder, "*", SearchOption.AllDirectories).Count());

        await store.DeleteExactAsync("audio-in/../../x.wav", null, default);
        Assert.Null(await store.FindAsync("audio-in/../../x.wav", default));
        Assert.NotNull(await store.FindAsync("audio-in/..%2F..%2Fx.wav", default));
    }

    [NpmClientFact]
    public async Task What_another_client_has_uploaded_is_a_recording()
    {
        const string Name = "Sitzung am 3. März/録音 – 1 (Kopie).wav";
        var store = azurite.CreateStore(out _, out var options);
        await store.CreateContainersAsync(default);
        var audio = new byte[(1 << 20) + 7];
        new Random(1).NextBytes(audio);
        var file = Path.Combine(_folder, "audio");
        await File.WriteAllBytesAsync(file, audio);

        var etag = await NpmClient.UploadAsync(azurite.ConnectionString, options.InputContainer, Name, file);

        var found = new List<ArtifactInfo>();
        await foreach (var info in store.ListAsync("audio-in/", default))
        {
            found.Add(info);
        }

        Assert.Equal([new ArtifactInfo($"audio-in/{Name}", etag.Trim('"'), audio.Length)], found);
        Assert.Equal(found[0], await store.FindAsync($"audio-in/{Name}", default));
        var copy = await File.ReadAllBytesAsync(await store.FetchAsync($"audio-in/{Name}", found[0].Version, _folder, default));
        Assert.True(audio.AsSpan().SequenceEqual(copy));
    }

    [AzuriteTheory]
    [InlineData("audio-in/.")]
    [InlineData("audio-in/..")]
    public async Task A_name_that_no_url_can_have_is_refused(string artifact)
    {
        var store = azurite.CreateStore(out _, out _);

        await Assert.ThrowsAsync<ArgumentException>(() => store.FindAsync(artifact, default));
        await Assert.ThrowsAsync<ArgumentException>(() => store.CommitAsync(artifact, Stream.Null, default));
    }

    [AzuriteFact]
    public async Task A_blob_that_was_overwritten_is_not_read_as_what_it_was()
    {
        var store = azurite.CreateStore(out var service, out var options);
        await store.CreateContainersAsync(default);
        var blob = service.GetBlobContainerClient(options.InputContainer).GetBlobClient("a.wav");
        await blob.UploadAsync(BinaryData.FromString("one"));
        var version = (await store.FindAsync("audio-in/a.wav", default))!.Version;
        await blob.UploadAsync(BinaryData.FromString("two"), overwrite: true);

        await Assert.ThrowsAsync<FileNotFoundException>(() => store.FetchAsync("audio-in/a.wav", version, _folder, default));

        var now = (await store.FindAsync("audio-in/a.wav", default))!.Version;
        Assert.Equal("two", File.ReadAllText(await store.FetchAsync("audio-in/a.wav", now, _folder, default)));
        // As events carry it, and as HTTP does.
        Assert.Equal("two", File.ReadAllText(await store.FetchAsync("audio-in/a.wav", $"\"{now}\"", _folder, default)));
    }

    [AzuriteTheory]
    [InlineData(10)]
    [InlineData(9 << 20)]
    public async Task A_commit_whose_answer_got_lost_has_won(int length)
    {
        var loss = new LostAnswer();
        var store = azurite.CreateStore(out _, out _, loss);
        await store.CreateContainersAsync(default);
        loss.Armed = true;

        Assert.True(await store.CommitAsync("omoai-work/1/a", new MemoryStream(new byte[length]), default));
        Assert.False(loss.Armed);

        loss.Armed = true;
        Assert.False(await store.CommitAsync("omoai-work/1/a", new MemoryStream(new byte[length]), default));
    }

    [AzuriteFact]
    public async Task An_upload_url_can_be_written_to_and_nothing_else()
    {
        var store = azurite.CreateStore(out _, out _);
        var upload = (await store.CreateUploadUrlAsync("audio-api/1", default))!;
        using var http = new HttpClient();

        using (var put = new HttpRequestMessage(HttpMethod.Put, upload.Url) { Content = new StringContent("audio") })
        {
            put.Headers.Add("x-ms-blob-type", "BlockBlob");
            Assert.Equal(HttpStatusCode.Created, (await http.SendAsync(put)).StatusCode);
        }

        Assert.Equal(HttpStatusCode.Forbidden, (await http.GetAsync(upload.Url)).StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden, (await http.DeleteAsync(upload.Url)).StatusCode);
        Assert.Equal(5, (await store.FindAsync("audio-api/1", default))!.Length);
        Assert.InRange(upload.ExpiresAt - DateTimeOffset.UtcNow, TimeSpan.FromMinutes(50), TimeSpan.FromHours(1));
        Assert.DoesNotContain("sig=", $"{upload}", StringComparison.Ordinal);
        await Assert.ThrowsAsync<ArgumentException>(() => store.CreateUploadUrlAsync("audio-api/../omoai-work/1", default));
    }

    [AzuriteFact]
    public async Task When_storage_goes_away_that_is_said_and_when_it_comes_back_all_is_well()
    {
        var (process, port) = await AzuriteServer.StartAsync(_folder);
        var connection = AzuriteProcess.ConnectionString(port);
        var store = new BlobArtifactStore(
            AzuriteServer.CreateService(connection), Options.Create(new StorageOptions { ConnectionString = connection }), TimeProvider.System);
        await using (process)
        {
            Assert.True(await store.CommitAsync("omoai-work/1/a", new MemoryStream([1]), default));
        }

        Assert.False(await AzuriteProcess.ListensAsync(port, default));
        Func<Task>[] calls =
        [
            () => store.FindAsync("omoai-work/1/a", default),
            () => store.FetchAsync("omoai-work/1/a", null, _folder, default),
            () => store.OpenReadAsync("omoai-work/1/a", default),
            () => store.CommitAsync("omoai-work/1/b", new MemoryStream([1]), default),
            () => store.ListAsync("omoai-work/1/", default).GetAsyncEnumerator().MoveNextAsync().AsTask(),
            () => store.DeleteAsync("omoai-work/1/", default),
            () => store.CreateUploadUrlAsync("audio-api/1", default),
            () => store.CreateContainersAsync(default),
        ];
        foreach (var call in calls)
        {
            var failure = await Assert.ThrowsAsync<ArtifactStoreException>(call);
            Assert.StartsWith("The blob storage account devstoreaccount1 ", failure.Message, StringComparison.Ordinal);
            Assert.DoesNotContain("\n", failure.Message, StringComparison.Ordinal);
        }

        await using var again = await AzuriteProcess.StartAsync(AzuriteServer.Folder, _folder, port, default);
        Assert.Equal(1, (await store.FindAsync("omoai-work/1/a", default))!.Length);
        Assert.True(await store.CommitAsync("omoai-work/1/b", new MemoryStream([1]), default));
    }

    [AzuriteFact]
    public async Task A_cancelled_call_is_cancelled_and_no_fault_of_storage()
    {
        var store = azurite.CreateStore(out _, out _);
        var cancelled = new CancellationToken(canceled: true);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => store.FindAsync("omoai-work/1/a", cancelled));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => store.CommitAsync("omoai-work/1/a", new MemoryStream([1]), cancelled));
    }

    /// <summary>Puts a blob as anybody can, whatever our own code thinks of its name.</summary>
    private static async Task PutAsync(BlobServiceClient service, string container, string name, string text)
    {
        var sas = service.GetBlobContainerClient(container).GenerateSasUri(BlobContainerSasPermissions.Write, DateTimeOffset.UtcNow.AddHours(1));
        using var http = new HttpClient();
        using var put = new HttpRequestMessage(
            HttpMethod.Put, $"{sas.GetLeftPart(UriPartial.Path)}/{Uri.EscapeDataString(name)}{sas.Query}");
        put.Content = new StringContent(text);
        put.Headers.Add("x-ms-blob-type", "BlockBlob");
        var answer = await http.SendAsync(put);
        Assert.True(answer.IsSuccessStatusCode, $"{name}: {answer.StatusCode}");
    }

    /// <summary>Once it is armed, loses the answer to the next commit that succeeds, or to the next at all that doesn't.</summary>
    private sealed class LostAnswer : HttpPipelinePolicy
    {
        public bool Armed { get; set; }

        public override async ValueTask ProcessAsync(HttpMessage message, ReadOnlyMemory<HttpPipelinePolicy> pipeline)
        {
            await ProcessNextAsync(message, pipeline);
            if (Armed && message.Request.Method == RequestMethod.Put && message.Request.Headers.Contains("If-None-Match"))
            {
                Armed = false;
                throw new IOException("The answer got lost.");
            }
        }

        public override void Process(HttpMessage message, ReadOnlyMemory<HttpPipelinePolicy> pipeline) => throw new NotSupportedException();
    }
}
