using Omoai.Pipeline.Activities;

namespace Omoai.Local.Journal;

/// <summary>Bounds how many activities run at once: of each kind, and of all kinds that need an activity host.</summary>
internal sealed class ActivitySlots(JournalOptions options)
{
    private readonly SemaphoreSlim _hosts = new(options.MaxActivities);
    private readonly SemaphoreSlim _prepare = new(options.MaxPrepare);
    private readonly SemaphoreSlim _transcribe = new(options.MaxTranscribe);
    private readonly SemaphoreSlim _postProcess = new(options.MaxPostProcess);
    private readonly SemaphoreSlim _publish = new(options.MaxPublish);
    private readonly SemaphoreSlim _notify = new(options.MaxNotify);

    /// <summary>Waits for a slot; disposing of it gives it back.</summary>
    public async Task<IDisposable> EnterAsync(string activity, CancellationToken cancellationToken)
    {
        var kind = activity switch
        {
            PipelineActivities.Prepare => _prepare,
            PipelineActivities.Transcribe => _transcribe,
            PipelineActivities.PostProcess => _postProcess,
            PipelineActivities.Notify => _notify,
            _ => _publish,
        };
        await kind.WaitAsync(cancellationToken);
        if (kind == _publish || kind == _notify)
        {
            return new Slot(kind, null);
        }

        try
        {
            await _hosts.WaitAsync(cancellationToken);
        }
        catch
        {
            kind.Release();
            throw;
        }

        return new Slot(kind, _hosts);
    }

    private sealed class Slot(SemaphoreSlim kind, SemaphoreSlim? hosts) : IDisposable
    {
        public void Dispose()
        {
            hosts?.Release();
            kind.Release();
        }
    }
}
