namespace Omoai.Language.Tests.Engines.OpenAi;

/// <summary>A clock on which waits are over at once, and requests take as long as a test says.</summary>
/// <param name="requestTimeout">A timer of this length is a request's; each other one is a wait.</param>
internal sealed class SkippingTime(TimeSpan requestTimeout) : TimeProvider
{
    private readonly Lock _gate = new();
    private readonly List<TimeSpan> _waits = [];
    private readonly List<Timer> _requests = [];

    /// <summary>What it is told at each wait, which then isn't over by itself.</summary>
    public Action? OnWait { get; init; }

    /// <summary>The waits that were asked for.</summary>
    public IReadOnlyList<TimeSpan> Waits
    {
        get
        {
            lock (_gate)
            {
                return [.. _waits];
            }
        }
    }

    public override DateTimeOffset GetUtcNow() => new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    /// <summary>Lets the requests that are under way take too long.</summary>
    public void ExpireRequests()
    {
        List<Timer> requests;
        lock (_gate)
        {
            requests = [.. _requests];
        }

        requests.ForEach(timer => timer.Fire());
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new Timer(this, () => callback(state));
        lock (_gate)
        {
            if (dueTime == requestTimeout)
            {
                _requests.Add(timer);
                return timer;
            }

            _waits.Add(dueTime);
        }

        if (OnWait is { } onWait)
        {
            onWait();
        }
        else
        {
            ThreadPool.QueueUserWorkItem(_ => timer.Fire());
        }

        return timer;
    }

    private sealed class Timer(SkippingTime time, Action callback) : ITimer
    {
        public void Fire() => callback();

        public bool Change(TimeSpan dueTime, TimeSpan period) => true;

        public void Dispose()
        {
            lock (time._gate)
            {
                time._requests.Remove(this);
            }
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
