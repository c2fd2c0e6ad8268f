namespace Omoai.Storage.Tests;

/// <summary>What a directory does beside <see cref="ArtifactStoreTests"/>.</summary>
public sealed class DirectoryArtifactStoreTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("omoai-test-").FullName;
    private readonly DirectoryArtifactStore _store;

    public DirectoryArtifactStoreTests() => _store = new DirectoryArtifactStore(Path.Combine(_folder, "store"));

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_linked_file_is_an_artifact_without_a_copy_and_deleting_it_leaves_the_file()
    {
        var file = Path.Combine(_folder, "recording");
        File.WriteAllText(file, "audio");

        _store.AddLink("audio-api/1", file);

        Assert.Equal(file, await _store.FetchAsync("audio-api/1", null, _folder, default));
        Assert.Equal(5, (await _store.FindAsync("audio-api/1", default))!.Length);
        await _store.DeleteAsync("audio-api/1", default);
        Assert.True(File.Exists(file));
        Assert.Null(await _store.FindAsync("audio-api/1", default));
    }

    [Theory]
    [InlineData("../outside")]
    [InlineData("omoai-work/../../outside")]
    [InlineData("/etc/passwd")]
    [InlineData("omoai-work//a")]
    [InlineData("omoai-work/.hidden")]
    [InlineData("omoai-work/a\\b")]
    [InlineData("omoai-work/a\0b")]
    [InlineData("")]
    public async Task Names_that_lead_elsewhere_are_refused(string artifact)
    {
        await Assert.ThrowsAsync<ArgumentException>(() => _store.FindAsync(artifact, default));
        await Assert.ThrowsAsync<ArgumentException>(() => _store.FetchAsync(artifact, null, _folder, default));
        await Assert.ThrowsAsync<ArgumentException>(() => _store.CommitAsync(artifact, Stream.Null, default));
        await Assert.ThrowsAsync<ArgumentException>(() => _store.OpenReadAsync(artifact, default));
        await Assert.ThrowsAsync<ArgumentException>(() => _store.DeleteExactAsync(artifact, null, default));
    }

    [Fact]
    public async Task What_a_killed_process_left_is_deleted_and_nothing_else()
    {
        string[] artifacts = ["audio-in/a.wav", "omoai-work/1/tmp-1", "omoai-work/1/attempts/a.tmp-1", "transcripts/1/final.json"];
        foreach (var artifact in artifacts)
        {
            await _store.CommitAsync(artifact, new MemoryStream([1]), default);
        }

        var elsewhere = Directory.CreateDirectory(Path.Combine(_folder, "elsewhere")).FullName;
        Directory.CreateSymbolicLink(Path.Combine(_folder, "store", "audio-in", "link"), elsewhere);
        string[] others = [Path.Combine(_folder, "store", ".tmp-x"), Path.Combine(elsewhere, ".tmp-x")];
        string[] left =
        [
            .. ((string[])["audio-in", "audio-api", "omoai-work/1", "omoai-work/1/attempts", "transcripts/1"])
                .Select(folder => Path.Combine(Directory.CreateDirectory(Path.Combine(_folder, "store", folder)).FullName, ".tmp-x")),
        ];
        foreach (var file in others.Concat(left))
        {
            File.WriteAllText(file, "");
        }

        _store.DeleteTemporaries();
        _store.DeleteTemporaries();

        Assert.All(left, file => Assert.False(File.Exists(file), file));
        Assert.All(others, file => Assert.True(File.Exists(file), file));
        foreach (var artifact in artifacts)
        {
            Assert.NotNull(await _store.FindAsync(artifact, default));
        }
    }

    [Fact]
    public void A_store_without_containers_has_no_temporaries() => _store.DeleteTemporaries();

    [Fact]
    public async Task It_has_no_upload_urls() => Assert.Null(await _store.CreateUploadUrlAsync("audio-api/1", default));
}
