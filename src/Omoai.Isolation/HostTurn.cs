namespace Omoai.Isolation;

/// <summary>The right to run one host, where <see cref="IsolationOptions.MaxHosts"/> bounds them. Given back when it is disposed of
/// or, once a run has it, when nothing of that run's host can be waited for any more. Disposing of it twice does no harm.</summary>
public sealed class HostTurn : IDisposable
{
    private SemaphoreSlim? _turns;

    internal HostTurn(SemaphoreSlim? turns) => _turns = turns;

    public void Dispose() => Interlocked.Exchange(ref _turns, null)?.Release();
}
