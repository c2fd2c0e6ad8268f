namespace Omoai.Isolation.Tests;

/// <summary>A clock that only a test moves.</summary>
internal sealed class ManualTime : TimeProvider
{
    private readonly Lock _gate = new();
    private readonly List<Timer> _timers = [];
    private readonly Dictionary<TimeSpan, int> _counts = [];
    private readonly Dictionary<(TimeSpan Length, int Times), TaskCompletionSource> _asked = [];
    private DateTimeOffset _now = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override DateTimeOffset GetUtcNow() => Locked(() => _now);

    public override long GetTimestamp() => GetUtcNow().Ticks;

    /// <summary>Ends when timers of that length have been asked for so many times.</summary>
    public Task AskedForAsync(TimeSpan length, int times = 1) =>
        Locked(() => Asked(length, times).Task).WaitAsync(TimeSpan.FromSeconds(60));

    public void Advance(TimeSpan by)
    {
        var due = Locked(() =>
        {
            _now += by;
            return _timers.Where(timer => timer.Due <= _now).ToList();
        });
        foreach (var timer in due)
            timer.Fire();
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new Timer(this, () => callback(state));
        Locked(() => _timers.Add(timer));
        timer.Change(dueTime, period);
        Locked(() => Asked(dueTime, _counts[dueTime] = _counts.GetValueOrDefault(dueTime) + 1).TrySetResult());
        return timer;
    }

    private TaskCompletionSource Asked(TimeSpan length, int times) => _asked.TryGetValue((length, times), out var asked)
        ? asked
        : _asked[(length, times)] = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

    private void Locked(Action action) => Locked(() =>
    {
        action();
        return true;
    });

    private T Locked<T>(Func<T> action)
    {
        lock (_gate)
            return action();
    }

    /// <summary>Fires once: nothing here asks for more.</summary>
    private sealed class Timer(ManualTime time, Action callback) : ITimer
    {
        public DateTimeOffset? Due { get; private set; }

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            time.Locked(() => Due = dueTime == Timeout.InfiniteTimeSpan ? null : time._now + dueTime);
            if (dueTime == TimeSpan.Zero)
                Fire();
            return true;
        }

        public void Fire()
        {
            time.Locked(() => Due = null);
            callback();
        }

        public void Dispose() => time.Locked(() => time._timers.Remove(this));

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
