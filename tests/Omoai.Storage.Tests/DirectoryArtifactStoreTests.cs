namespace Omoai.Storage.Tests;

public sealed class DirectoryArtifactStoreTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("omoai-test-").FullName;
    private readonly DirectoryArtifactStore _store;

    public DirectoryArtifactStoreTests() => _store = new DirectoryArtifactStore(Path.Combine(_folder, "store"));

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task What_is_committed_can_be_read_and_fetched()
    {
        Assert.True(await CommitAsync("omoai-work/1/a.json", "one"));

        Assert.Equal("one", await ReadAsync("omoai-work/1/a.json"));
        Assert.Equal("one", File.ReadAllText(await _store.FetchAsync("omoai-work/1/a.json", _folder, default)));
    }

    [Fact]
    public async Task The_first_commit_wins_and_the_second_is_told_so()
    {
        await CommitAsync("omoai-work/1/a.json", "one");

        Assert.False(await CommitAsync("omoai-work/1/a.json", "two"));

        Assert.Equal("one", await ReadAsync("omoai-work/1/a.json"));
    }

    [Fact]
    public async Task Of_many_commits_at_once_exactly_one_wins()
    {
        var files = Enumerable.Range(0, 50).Select(number => WriteFile($"{number}")).ToList();

        var won = await Task.WhenAll(files.Select(file => Task.Run(() => _store.CommitAsync("omoai-work/1/a.json", file, default))));

        Assert.Single(won, winner => winner);
        var number = Array.IndexOf(won, true);
        Assert.Equal($"{number}", await ReadAsync("omoai-work/1/a.json"));
        Assert.Equal(["omoai-work/1/a.json"], await ListAsync("omoai-work/"));
    }

    [Fact]
    public async Task An_absent_artifact_reads_as_null_and_can_not_be_fetched()
    {
        Assert.Null(await _store.OpenReadAsync("omoai-work/1/a.json", default));
        await Assert.ThrowsAsync<FileNotFoundException>(() => _store.FetchAsync("omoai-work/1/a.json", _folder, default));
    }

    [Fact]
    public async Task Listing_takes_a_prefix_and_is_in_ordinal_order()
    {
        foreach (var name in (string[])["omoai-work/1/b", "omoai-work/1/a/2", "omoai-work/1/a/10", "omoai-work/11/a", "transcripts/1/a"])
        {
            await CommitAsync(name, name);
        }

        Assert.Equal(["omoai-work/1/a/10", "omoai-work/1/a/2", "omoai-work/1/b"], await ListAsync("omoai-work/1/"));
        Assert.Equal(["omoai-work/1/a/10", "omoai-work/1/a/2"], await ListAsync("omoai-work/1/a"));
        Assert.Empty(await ListAsync("omoai-work/2/"));
    }

    [Fact]
    public async Task Deleting_takes_a_prefix_and_leaves_the_rest()
    {
        await CommitAsync("omoai-work/1/a", "x");
        await CommitAsync("omoai-work/11/a", "x");

        await _store.DeleteAsync("omoai-work/1/", default);

        Assert.Equal(["omoai-work/11/a"], await ListAsync("omoai-work/"));
    }

    [Fact]
    public async Task A_linked_file_is_an_artifact_without_a_copy_and_deleting_it_leaves_the_file()
    {
        var file = WriteFile("audio");

        _store.AddLink("audio-api/1", file);

        Assert.Equal("audio", await ReadAsync("audio-api/1"));
        await _store.DeleteAsync("audio-api/1", default);
        Assert.True(File.Exists(file));
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
        await Assert.ThrowsAsync<ArgumentException>(() => _store.FetchAsync(artifact, _folder, default));
        await Assert.ThrowsAsync<ArgumentException>(() => CommitAsync(artifact, "x"));
        await Assert.ThrowsAsync<ArgumentException>(() => _store.OpenReadAsync(artifact, default));
    }

    private async Task<bool> CommitAsync(string artifact, string text) => await _store.CommitAsync(artifact, WriteFile(text), default);

    private string WriteFile(string text)
    {
        var file = Path.Combine(_folder, Path.GetRandomFileName());
        File.WriteAllText(file, text);
        return file;
    }

    private async Task<string> ReadAsync(string artifact)
    {
        using var reader = new StreamReader((await _store.OpenReadAsync(artifact, default))!);
        return await reader.ReadToEndAsync();
    }

    private async Task<List<string>> ListAsync(string prefix)
    {
        var artifacts = new List<string>();
        await foreach (var artifact in _store.ListAsync(prefix, default))
        {
            artifacts.Add(artifact);
        }

        return artifacts;
    }
}
