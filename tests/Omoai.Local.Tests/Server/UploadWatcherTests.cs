using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Omoai.Local.Server;
using Omoai.Pipeline;
using Omoai.Pipeline.Artifacts;
using Omoai.Pipeline.Jobs;
using Omoai.Pipeline.Models;
using Omoai.Pipeline.Webhooks;
using Omoai.Storage;
using Omoai.Tests;
using Omoai.Tests.Jobs;

namespace Omoai.Local.Tests.Server;

public sealed class UploadWatcherTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("omoai-test-").FullName;
    private readonly FakeEngine _engine = new();
    private readonly DirectoryArtifactStore _store;
    private readonly ModelOptions _models = new() { Folders = { Path.Combine(TestPaths.Repository, "models") } };

    public UploadWatcherTests() => _store = new DirectoryArtifactStore(_folder);

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_recording_is_taken_once_it_is_the_same_at_two_looks_and_then_never_again()
    {
        using var watcher = CreateWatcher();
        Write("a.wav", 100);
        await watcher.LookAsync(default);
        Assert.Empty(_engine.Jobs);
        // Still being written.
        Write("a.wav", 200);
        await watcher.LookAsync(default);
        Assert.Empty(_engine.Jobs);

        await watcher.LookAsync(default);
        await watcher.LookAsync(default);

        Assert.Equal("audio-in/a.wav", Assert.Single(_engine.Jobs.Values).Job.Input);
    }

    [Fact]
    public async Task An_overwritten_recording_is_another_job()
    {
        using var watcher = CreateWatcher();
        Write("a.wav", 100);
        await LookTwiceAsync(watcher);

        Write("a.wav", 200);
        await LookTwiceAsync(watcher);

        Assert.Equal(2, _engine.Jobs.Count);
    }

    [Fact]
    public async Task A_version_that_had_its_job_gets_no_other_when_the_job_was_forgotten_or_the_server_started_again()
    {
        using (var first = CreateWatcher())
        {
            Write("a.wav", 100);
            await LookTwiceAsync(first);
        }

        Assert.Single(_engine.Jobs);
        _engine.Jobs.Clear();

        using var second = CreateWatcher();
        await LookTwiceAsync(second);

        Assert.Empty(_engine.Jobs);
    }

    [Fact]
    public async Task The_receipt_goes_with_the_recording()
    {
        using var watcher = CreateWatcher();
        Write("a.wav", 100);
        await LookTwiceAsync(watcher);
        Assert.Single(Directory.GetFiles(Path.Combine(_folder, "omoai-work", "receipts")));

        File.Delete(Path.Combine(_folder, "audio-in", "a.wav"));
        await watcher.LookAsync(default);

        Assert.Empty(Directory.GetFiles(Path.Combine(_folder, "omoai-work", "receipts")));
    }

    [Fact]
    public async Task What_cannot_be_taken_now_waits_and_holds_up_nothing()
    {
        _models.Speech = "not-installed";
        using var watcher = CreateWatcher();
        Write("a.wav", 100);
        Write("b.wav", 100);
        await LookTwiceAsync(watcher);
        Assert.Empty(_engine.Jobs);

        _models.Speech = "demo-en";
        await watcher.LookAsync(default);

        Assert.Equal(2, _engine.Jobs.Count);
    }

    [Fact]
    public async Task It_goes_on_after_the_store_was_away()
    {
        var store = new AwayStore(_store);
        using var watcher = CreateWatcher(store);
        Write("a.wav", 100);
        await watcher.LookAsync(default);
        store.IsAway = true;
        await Assert.ThrowsAsync<ArtifactStoreException>(() => watcher.LookAsync(default));

        store.IsAway = false;
        await LookTwiceAsync(watcher);

        Assert.Single(_engine.Jobs);
    }

    private static async Task LookTwiceAsync(UploadWatcher watcher)
    {
        await watcher.LookAsync(default);
        await watcher.LookAsync(default);
    }

    private UploadWatcher CreateWatcher(IArtifactStore? store = null)
    {
        store ??= _store;
        var options = Options.Create(new PipelineOptions());
        var jobs = new Pipeline.Jobs.Jobs(
            _engine, store, new ModelCatalog(Options.Create(_models)), options, Options.Create(new LlmOptions()),
            Options.Create(new WebhookOptions()), TimeProvider.System);
        return new UploadWatcher(
            new UploadReceiver(jobs, store, options, NullLogger<UploadReceiver>.Instance), store, Options.Create(new WatcherOptions()),
            TimeProvider.System, NullLogger<UploadWatcher>.Instance);
    }

    private void Write(string name, int length)
    {
        Directory.CreateDirectory(Path.Combine(_folder, "audio-in"));
        File.WriteAllBytes(Path.Combine(_folder, "audio-in", name), new byte[length]);
    }

    /// <summary>A store whose listings fail while it is away.</summary>
    private sealed class AwayStore(IArtifactStore store) : IArtifactStore
    {
        public bool IsAway { get; set; }

        public Task<ArtifactInfo?> FindAsync(string artifact, CancellationToken cancellationToken) => store.FindAsync(artifact, cancellationToken);

        public Task<string> FetchAsync(string artifact, string? version, string scratchFolder, CancellationToken cancellationToken) =>
            store.FetchAsync(artifact, version, scratchFolder, cancellationToken);

        public Task<Stream?> OpenReadAsync(string artifact, CancellationToken cancellationToken) => store.OpenReadAsync(artifact, cancellationToken);

        public Task<bool> CommitAsync(string artifact, string file, CancellationToken cancellationToken) =>
            store.CommitAsync(artifact, file, cancellationToken);

        public Task<bool> CommitAsync(string artifact, Stream content, CancellationToken cancellationToken) =>
            store.CommitAsync(artifact, content, cancellationToken);

        public IAsyncEnumerable<ArtifactInfo> ListAsync(string prefix, CancellationToken cancellationToken) =>
            IsAway ? throw new ArtifactStoreException("away") : store.ListAsync(prefix, cancellationToken);

        public Task DeleteAsync(string prefix, CancellationToken cancellationToken) => store.DeleteAsync(prefix, cancellationToken);

        public Task DeleteExactAsync(string artifact, string? version, CancellationToken cancellationToken) =>
            store.DeleteExactAsync(artifact, version, cancellationToken);

        public Task<UploadUrl?> CreateUploadUrlAsync(string artifact, CancellationToken cancellationToken) =>
            store.CreateUploadUrlAsync(artifact, cancellationToken);
    }
}
