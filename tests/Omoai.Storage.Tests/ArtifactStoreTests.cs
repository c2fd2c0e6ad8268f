using System.Reflection;
using Omoai.Pipeline.Artifacts;
using Omoai.Storage.Tests.Azurite;
using Xunit.Sdk;

namespace Omoai.Storage.Tests;

/// <summary>What every artifact store does.</summary>
[Collection(AzuriteTests.Name)]
public sealed class ArtifactStoreTests(AzuriteServer azurite) : IDisposable
{
    private const int MiB = 1 << 20;

    private readonly string _folder = Directory.CreateTempSubdirectory("omoai-test-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory, InDirectory, InAzurite]
    public async Task What_is_committed_can_be_found_read_and_fetched(string kind)
    {
        var store = Create(kind);
        Assert.True(await store.CommitAsync("omoai-work/1/file", WriteFile("one"), default));
        Assert.True(await store.CommitAsync("omoai-work/1/stream", new MemoryStream("three"u8.ToArray()), default));
        Assert.True(await store.CommitAsync("omoai-work/1/empty", Stream.Null, default));

        Assert.Equal("one", await ReadAsync(store, "omoai-work/1/file"));
        Assert.Equal("three", await ReadAsync(store, "omoai-work/1/stream"));
        Assert.Equal("three", File.ReadAllText(await store.FetchAsync("omoai-work/1/stream", null, _folder, default)));
        var info = await store.FindAsync("omoai-work/1/stream", default);
        Assert.Equal(("omoai-work/1/stream", 5), (info!.Name, info.Length));
        Assert.Equal(0, (await store.FindAsync("omoai-work/1/empty", default))!.Length);
    }

    [Theory, InDirectory, InAzurite]
    public async Task The_first_commit_wins_and_the_second_is_told_so(string kind)
    {
        var store = Create(kind);
        await CommitAsync(store, "omoai-work/1/a.json", "one");

        Assert.False(await store.CommitAsync("omoai-work/1/a.json", WriteFile("two"), default));
        Assert.False(await store.CommitAsync("omoai-work/1/a.json", new MemoryStream(new byte[9 * MiB]), default));

        Assert.Equal("one", await ReadAsync(store, "omoai-work/1/a.json"));
    }

    [Theory, InDirectory, InAzurite]
    public async Task Of_many_commits_at_once_exactly_one_wins(string kind)
    {
        var store = Create(kind);
        var files = Enumerable.Range(0, 20).Select(number => WriteFile($"{number}")).ToList();

        var won = await Task.WhenAll(files.Select(file => Task.Run(() => store.CommitAsync("omoai-work/1/a.json", file, default))));

        Assert.Single(won, winner => winner);
        Assert.Equal($"{Array.IndexOf(won, true)}", await ReadAsync(store, "omoai-work/1/a.json"));
        Assert.Equal(["omoai-work/1/a.json"], await ListAsync(store, "omoai-work/"));
    }

    [Theory, InDirectory, InAzurite]
    public async Task Large_commits_at_once_do_not_mix(string kind)
    {
        var store = Create(kind);
        var contents = Enumerable.Range(1, 3).Select(number => Enumerable.Repeat((byte)number, (17 * MiB) + number).ToArray()).ToList();

        var won = await Task.WhenAll(contents.Select(content =>
            Task.Run(() => store.CommitAsync("omoai-work/1/a", new MemoryStream(content), default))));

        Assert.Single(won, winner => winner);
        var there = await File.ReadAllBytesAsync(await store.FetchAsync("omoai-work/1/a", null, _folder, default));
        Assert.True(there.AsSpan().SequenceEqual(contents[Array.IndexOf(won, true)]));
    }

    [Theory, InDirectory, InAzurite]
    public async Task What_is_not_there_reads_as_nothing(string kind)
    {
        var store = Create(kind);

        Assert.Null(await store.FindAsync("omoai-work/1/a.json", default));
        Assert.Null(await store.OpenReadAsync("omoai-work/1/a.json", default));
        await Assert.ThrowsAsync<FileNotFoundException>(() => store.FetchAsync("omoai-work/1/a.json", null, _folder, default));
        Assert.Empty(await ListAsync(store, "omoai-work/1/"));
        await store.DeleteAsync("omoai-work/1/", default);
        await store.DeleteExactAsync("omoai-work/1/a.json", null, default);
    }

    [Theory, InDirectory, InAzurite]
    public async Task Only_the_version_that_is_asked_for_is_fetched(string kind)
    {
        var store = Create(kind);
        await CommitAsync(store, "audio-in/a", "one");
        var version = (await store.FindAsync("audio-in/a", default))!.Version;
        Assert.DoesNotContain('"', version);
        Assert.Equal("one", File.ReadAllText(await store.FetchAsync("audio-in/a", version, _folder, default)));

        await store.DeleteExactAsync("audio-in/a", null, default);
        await CommitAsync(store, "audio-in/a", "another");

        await Assert.ThrowsAsync<FileNotFoundException>(() => store.FetchAsync("audio-in/a", version, _folder, default));
        Assert.Equal("another", File.ReadAllText(await store.FetchAsync("audio-in/a", null, _folder, default)));
        await store.DeleteExactAsync("audio-in/a", version, default);
        Assert.Equal("another", await ReadAsync(store, "audio-in/a"));
    }

    [Theory, InDirectory, InAzurite]
    public async Task Listing_takes_a_prefix_and_is_in_ordinal_order(string kind)
    {
        var store = Create(kind);
        string[] names = ["omoai-work/1/b", "omoai-work/1/B", "omoai-work/1/a/2", "omoai-work/1/a/10", "omoai-work/1/a-1", "omoai-work/11/a", "transcripts/1/a"];
        foreach (var name in names)
        {
            await CommitAsync(store, name, name);
        }

        Assert.Equal(
            ["omoai-work/1/B", "omoai-work/1/a-1", "omoai-work/1/a/10", "omoai-work/1/a/2", "omoai-work/1/b"],
            await ListAsync(store, "omoai-work/1/"));
        Assert.Equal(["omoai-work/1/a-1", "omoai-work/1/a/10", "omoai-work/1/a/2"], await ListAsync(store, "omoai-work/1/a"));
        Assert.Equal(6, (await ListAsync(store, "omoai-work/")).Count);
        Assert.Empty(await ListAsync(store, "omoai-work/2/"));
        await foreach (var info in store.ListAsync("omoai-work/", default))
        {
            Assert.Equal(await store.FindAsync(info.Name, default), info);
        }
    }

    [Theory, InDirectory, InAzurite]
    public async Task Deleting_takes_a_prefix_or_one_name_and_leaves_the_rest(string kind)
    {
        var store = Create(kind);
        foreach (var name in (string[])["omoai-work/1/a", "omoai-work/1/b", "omoai-work/11/a", "omoai-work/11/ab"])
        {
            await CommitAsync(store, name, "x");
        }

        await store.DeleteAsync("omoai-work/1/", default);
        await store.DeleteExactAsync("omoai-work/11/a", null, default);

        Assert.Equal(["omoai-work/11/ab"], await ListAsync(store, "omoai-work/"));
    }

    [Theory, InDirectory, InAzurite]
    public async Task A_stream_that_breaks_off_leaves_nothing_behind(string kind)
    {
        var store = Create(kind);
        await Assert.ThrowsAsync<TooLargeException>(() => store.CommitAsync(
            "audio-api/1", new ZeroStream(20 * MiB, position => { if (position > 10 * MiB) throw new TooLargeException(); }), default));

        Assert.Null(await store.FindAsync("audio-api/1", default));
        Assert.Empty(await ListAsync(store, "audio-api/"));
        Assert.True(await CommitAsync(store, "audio-api/1", "next"));
    }

    [Theory, InDirectory, InAzurite]
    public async Task A_large_stream_is_never_in_memory_as_a_whole(string kind)
    {
        const long Length = 80L * MiB, Limit = 40L * MiB;
        var store = Create(kind);
        var before = GC.GetTotalMemory(forceFullCollection: true);
        long peak = 0;
        void Look(long position)
        {
            if (position % (8 * MiB) == 0)
            {
                peak = Math.Max(peak, GC.GetTotalMemory(forceFullCollection: true) - before);
            }
        }

        Assert.True(await store.CommitAsync("audio-api/1", new ZeroStream(Length, Look), default));
        Assert.InRange(peak, 0, Limit);
        Assert.Equal(Length, (await store.FindAsync("audio-api/1", default))!.Length);

        await using var stream = (await store.OpenReadAsync("audio-api/1", default))!;
        var buffer = new byte[MiB];
        long read = 0;
        while (await stream.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false) is > 0 and var count)
        {
            Look(read += count);
        }

        Assert.Equal(Length, read);
        Assert.InRange(peak, 0, Limit);
    }

    [Theory, InDirectory, InAzurite]
    public async Task A_name_without_a_container_of_ours_is_refused(string kind)
    {
        var store = Create(kind);
        foreach (var name in (string[])["", "omoai-work", "elsewhere/a", "/omoai-work/a", "../omoai-work/a"])
        {
            await Assert.ThrowsAsync<ArgumentException>(() => store.FindAsync(name, default));
            await Assert.ThrowsAsync<ArgumentException>(() => store.FetchAsync(name, null, _folder, default));
            await Assert.ThrowsAsync<ArgumentException>(() => CommitAsync(store, name, "x"));
            await Assert.ThrowsAsync<ArgumentException>(() => ListAsync(store, name));
            await Assert.ThrowsAsync<ArgumentException>(() => store.DeleteAsync(name, default));
            await Assert.ThrowsAsync<ArgumentException>(() => store.DeleteExactAsync(name, null, default));
        }

        await Assert.ThrowsAsync<ArgumentException>(() => store.FindAsync("audio-in/", default));
    }

    private IArtifactStore Create(string kind) => kind == InDirectoryAttribute.Kind
        ? new DirectoryArtifactStore(Path.Combine(_folder, "store"))
        : azurite.CreateStore(out _, out _);

    private Task<bool> CommitAsync(IArtifactStore store, string artifact, string text) =>
        store.CommitAsync(artifact, WriteFile(text), default);

    private string WriteFile(string text)
    {
        var file = Path.Combine(_folder, Path.GetRandomFileName());
        File.WriteAllText(file, text);
        return file;
    }

    private static async Task<string> ReadAsync(IArtifactStore store, string artifact)
    {
        using var reader = new StreamReader((await store.OpenReadAsync(artifact, default))!);
        return await reader.ReadToEndAsync();
    }

    private static async Task<List<string>> ListAsync(IArtifactStore store, string prefix)
    {
        var names = new List<string>();
        await foreach (var artifact in store.ListAsync(prefix, default))
        {
            names.Add(artifact.Name);
        }

        return names;
    }

    private sealed class TooLargeException : Exception;

    /// <summary>That many zeros, in pieces of 1 MiB at most; says how many it has given.</summary>
    private sealed class ZeroStream(long length, Action<long> given) : MemoryStream
    {
        private long _given;

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            var count = (int)Math.Min(Math.Min(buffer.Length, MiB), length - _given);
            buffer.Span[..count].Clear();
            _given += count;
            given(_given);
            return ValueTask.FromResult(count);
        }

        public override async Task CopyToAsync(Stream destination, int bufferSize, CancellationToken cancellationToken)
        {
            var buffer = new byte[MiB];
            while (await ReadAsync(buffer, cancellationToken) is > 0 and var count)
            {
                await destination.WriteAsync(buffer.AsMemory(0, count), cancellationToken);
            }
        }
    }

    [AttributeUsage(AttributeTargets.Method)]
    private sealed class InDirectoryAttribute : DataAttribute
    {
        public const string Kind = "directory";

        public override IEnumerable<object[]> GetData(MethodInfo testMethod) => [[Kind]];
    }

    [AttributeUsage(AttributeTargets.Method)]
    private sealed class InAzuriteAttribute : DataAttribute
    {
        public InAzuriteAttribute() => Skip = AzuriteServer.Missing;

        public override IEnumerable<object[]> GetData(MethodInfo testMethod) => [["azurite"]];
    }
}
