using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using Omoai.Isolation.Hosts;
using Omoai.Isolation.Leases;
using Omoai.Isolation.Protocol;

namespace Omoai.Isolation.Standby;

/// <summary>
/// Hosts that are started before there is anything for them to do: a number for each kind of activity that was asked for lately, and
/// one for each that is expected. Each serves one activity or none. An activity that waits for a device always comes first:
/// a standby takes a slot only where nobody waits for one, of whatever process, and gives it up as soon as somebody does.
/// </summary>
internal sealed partial class StandbyPool : IDisposable
{
    private const int MaxHostsOfAKind = 16;
    // How often it is looked for activities of other processes that wait, and for what has grown old.
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan WarmUpTime = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan MinBackoff = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan MaxBackoff = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan EndTime = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan MemoryPause = TimeSpan.FromSeconds(30);
    // How long what an ended host has written may take to be read.
    private static readonly TimeSpan ReadTime = TimeSpan.FromSeconds(1);
    // What was asked for has the processor to itself for so long before the next of its kind is started.
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(250);

    private readonly IsolationOptions _options;
    private readonly ILogger _logger;
    private readonly TimeProvider _time;
    private readonly HostStarter _starter;
    private readonly DeviceLeases _leases;
    private readonly string? _root;
    private readonly Lock _gate = new();
    private readonly Dictionary<StandbyKey, Kind> _kinds = [];
    // Those that haven't been handed out and aren't being ended.
    private readonly List<StandbyHost> _idle = [];
    // All that aren't gone.
    private readonly List<StandbyHost> _all = [];
    private readonly SemaphoreSlim _wake = new(0);
    private readonly CancellationTokenSource _stopping = new();
    private Task? _tending;
    private long _hits, _misses, _started, _dropped;

    /// <param name="options">How many, and for how long.</param>
    /// <param name="logger">Where it is told what becomes of them.</param>
    /// <param name="time">The clock.</param>
    /// <param name="starter">Starts them.</param>
    /// <param name="leases">Where they get a device.</param>
    /// <param name="root">Where their folders are made; null takes the folder for temporary files.</param>
    public StandbyPool(
        IsolationOptions options, ILogger logger, TimeProvider time, HostStarter starter, DeviceLeases leases, string? root)
    {
        (_options, _logger, _time, _starter, _leases, _root) = (options, logger, time, starter, leases, root);
        leases.MakeRoom = devices => GiveUpOne(devices, "an activity waits for its device");
    }

    /// <summary>Whether memory is short.</summary>
    public Func<bool> IsMemoryShort { get; init; } = MemoryPressure.IsHigh;

    public StandbyStatistics Statistics => new(
        Interlocked.Read(ref _hits), Interlocked.Read(ref _misses), Interlocked.Read(ref _started), Interlocked.Read(ref _dropped));

    /// <summary>Has one host got ready for an activity that is known to come.</summary>
    public void Expect(string activity, HostNeed need)
    {
        if (need.WarmUp is null || _options.StandbyHosts == 0)
            return;
        lock (_gate)
        {
            var kind = KindOf(activity, need);
            kind.Expected = Math.Min(kind.Expected + 1, MaxHostsOfAKind);
        }
        Wake();
    }

    /// <summary>Hands out a host that is ready, or about to be; null where there is none. Whoever gets it ends it.</summary>
    public StandbyHost? Claim(string activity, HostNeed need)
    {
        if (need.WarmUp is null || _options.StandbyHosts == 0)
            return null;
        StandbyHost? found;
        lock (_gate)
        {
            var kind = KindOf(activity, need);
            kind.Expected = Math.Max(0, kind.Expected - 1);
            var key = StandbyKey.Of(activity, need);
            found = _idle.Where(host => host.Key == key && host.EndedBecause is null && host.Host?.Process.Exited.IsCompleted != true)
                .OrderByDescending(host => host.IsWarm).ThenBy(host => host.Since).FirstOrDefault();
            if (found is not null)
                _idle.Remove(found);
            Postpone(kind, Pause);
        }
        Interlocked.Increment(ref found is null ? ref _misses : ref _hits);
        IsolationTelemetry.Standbys.Add(1, new KeyValuePair<string, object?>("result", found is null ? "miss" : "hit"));
        Wake();
        return found;
    }

    /// <summary>Ends all that serve nobody.</summary>
    public void Dispose()
    {
        _stopping.Cancel();
        _tending?.Wait(EndTime);
        var hosts = Idle();
        foreach (var host in hosts)
            GiveUp(host, "its parent ends");
        // What isn't gone by then ends with this process.
        Task.WaitAll([.. hosts.Select(host => host.Gone)], EndTime);
    }

    /// <summary>The kind of hosts, asked for just now. Those for what it was before its stamp changed are of no use any more.</summary>
    private Kind KindOf(string activity, HostNeed need)
    {
        var key = StandbyKey.Of(activity, need);
        foreach (var old in _kinds.Keys.Where(old => old != key && old with { Stamp = key.Stamp } == key).ToList())
            _kinds.Remove(old);
        if (!_kinds.TryGetValue(key, out var kind))
            _kinds[key] = kind = new Kind();
        kind.Need = need;
        kind.AskedFor = _time.GetTimestamp();
        _tending ??= Task.Run(TendAsync);
        return kind;
    }

    /// <summary>Starts and ends hosts for as long as this process runs.</summary>
    private async Task TendAsync()
    {
        while (!_stopping.IsCancellationRequested)
        {
            try
            {
                GiveUpWhatIsOfNoUse();
                if (IsMemoryShort())
                    GiveUpForMemory();
                else
                    StartWhatIsMissing();
                bool atRest;
                lock (_gate)
                    atRest = _all.Count == 0 && _kinds.Values.All(kind => Wanted(kind) == 0);
                using var tick = new CancellationTokenSource(atRest ? Timeout.InfiniteTimeSpan : Interval, _time);
                using var waiting = CancellationTokenSource.CreateLinkedTokenSource(tick.Token, _stopping.Token);
                await _wake.WaitAsync(waiting.Token);
            }
            catch (OperationCanceledException)
            {
                // Time to look again, or to end.
            }
            catch (Exception e)
            {
                // Activities go on without.
                LogFault(e);
                await Task.Delay(Interval, _time, CancellationToken.None);
            }
        }
    }

    private void GiveUpWhatIsOfNoUse()
    {
        var now = _time.GetTimestamp();
        List<(StandbyHost Host, string Because)> useless = [];
        lock (_gate)
        {
            foreach (var (key, kind) in _kinds)
            {
                if (!IsInUse(kind) && !_idle.Any(host => host.Key == key))
                    _kinds.Remove(key);
            }
            foreach (var host in _idle)
            {
                if (!_kinds.ContainsKey(host.Key))
                    useless.Add((host, "what it was got ready with has changed"));
                else if (host.ReadySince is { } ready && _time.GetElapsedTime(ready, now) >= _options.StandbyLifetime)
                    useless.Add((host, "it has grown old"));
                else if (host.Host?.Process.Exited.IsCompleted == true)
                    useless.Add((host, "it has died"));
            }
        }
        foreach (var (host, because) in useless)
            GiveUp(host, because);
        var waitedFor = Idle().Select(host => host.Lease.Device).Distinct().Where(device => _leases.IsWaitedFor([device])).ToList();
        // Somebody may wait for any of several GPUs.
        GiveUpOne([.. waitedFor.Where(device => device.IsGpu)], "an activity waits for its device");
        GiveUpOne([.. waitedFor.Where(device => !device.IsGpu)], "an activity waits for its device");
    }

    private void GiveUpForMemory()
    {
        foreach (var host in Idle())
            GiveUp(host, "memory is short");
        lock (_gate)
        {
            // What is free now is so because of that.
            foreach (var kind in _kinds.Values)
                Postpone(kind, MemoryPause);
        }
    }

    private void StartWhatIsMissing()
    {
        List<(StandbyKey Key, HostNeed Need, int Missing)> missing;
        lock (_gate)
        {
            missing = [.. _kinds.OrderByDescending(kind => kind.Value.Expected > 0).ThenByDescending(kind => kind.Value.AskedFor)
                .Where(kind => IsInUse(kind.Value) && _time.GetTimestamp() >= (kind.Value.NotBefore ?? 0))
                .Select(kind => (kind.Key, kind.Value.Need, Missing(kind.Key, kind.Value)))];
        }
        foreach (var (key, need, count) in missing)
        {
            for (var i = 0; i < count; i++)
            {
                try
                {
                    if (_leases.TryTakeIdle(key.Activity, need) is not { } lease)
                    {
                        if (IsExpected(key))
                            GiveUpOne(_leases.DevicesFor(need), "one for an activity that is known to come takes its place", host => !IsExpected(host.Key));
                        break;
                    }
                    Start(key, need, lease);
                }
                catch (Exception e) when (e is IOException or UnauthorizedAccessException)
                {
                    // A disk that is full, for one.
                    LogFault(e);
                    lock (_gate)
                        NoteFailure(key);
                    break;
                }
            }
        }

        int Missing(StandbyKey key, Kind kind) => Wanted(kind) - _idle.Count(host => host.Key == key);
    }

    /// <summary>Whether it was asked for lately.</summary>
    private bool IsInUse(Kind kind) => _time.GetElapsedTime(kind.AskedFor) < _options.StandbyLifetime;

    private bool IsExpected(StandbyKey key)
    {
        lock (_gate)
            return _kinds.TryGetValue(key, out var kind) && kind.Expected > 0;
    }

    private int Wanted(Kind kind) => Math.Max(kind.Expected, _options.StandbyHosts ?? 0);

    private void Start(StandbyKey key, HostNeed need, DeviceLease lease)
    {
        StandbyHost host;
        try
        {
            host = new StandbyHost(key, lease, CreateFolder(), _time);
        }
        catch
        {
            lease.Dispose();
            throw;
        }
        lock (_gate)
        {
            _idle.Add(host);
            _all.Add(host);
        }
        Interlocked.Increment(ref _started);
        host.Gone = RunAsync(host, need);
    }

    /// <summary>Starts a host, has it get ready, and cleans up once it is gone, whoever ended it. Never fails.</summary>
    private async Task RunAsync(StandbyHost host, HostNeed need)
    {
        StartedHost? started = null;
        try
        {
            (started, _, var failure) = await _starter.StartAsync(host.Key.Activity, need, host.Folder, host.Lease, ahead: true);
            if (started is not null)
            {
                host.Started(started);
                failure = await WarmUpAsync(host, need);
            }
            if (failure is not null)
            {
                host.End(failure.Reason);
                lock (_gate)
                    NoteFailure(host.Key);
                LogFailed(host.Key.Activity, failure.Class, failure.Reason);
            }
            // Ready now, and whoever gets it ends it; or it ends by itself.
            if (started is not null && failure is null)
                await started.Process.Exited;
        }
        catch (Exception e)
        {
            LogFault(e);
            lock (_gate)
                NoteFailure(host.Key);
        }
        finally
        {
            host.End("it has died");
            if (started is not null)
                await Task.WhenAny(started.Process.Exited);
            lock (_gate)
            {
                _idle.Remove(host);
                _all.Remove(host);
            }
            if (started is not null && !host.HasRequest)
                await started.DisposeAsync();
            DeleteFolder(host.Folder);
            host.Lease.Dispose();
            Wake();
        }
    }

    private async Task<ActivityFailure?> WarmUpAsync(StandbyHost host, HostNeed need)
    {
        var warm = Frames.Create(FrameKind.Warm, new Warm(host.Key.Activity, need.WarmUp!.Input), ProtocolJson.Default.Warm);
        using var late = new CancellationTokenSource(WarmUpTime, _time);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(late.Token, _stopping.Token);
        var warming = host.WarmUpAsync(warm, stop.Token);
        // What it has said last is read; one that ends before it has connected would be waited for.
        if (await Task.WhenAny(warming, host.Host.Process.Exited) != warming)
            stop.CancelAfter(ReadTime);
        if (await warming is { } failure)
            return host.EndedBecause is null ? failure : null;
        lock (_gate)
        {
            host.ReadySince = _time.GetTimestamp();
            if (_kinds.TryGetValue(host.Key, out var kind))
                (kind.Failures, kind.NotBefore) = (0, null);
        }
        LogReady(host.Key.Activity, host.Host.Process.Pid, host.Lease.Device.Name);
        return null;
    }

    /// <summary>What can't get ready isn't tried again at once: an activity that needs it will say why.</summary>
    private void NoteFailure(StandbyKey key)
    {
        if (!_kinds.TryGetValue(key, out var kind))
            return;
        kind.Failures = Math.Min(kind.Failures + 1, 20);
        Postpone(kind, TimeSpan.FromSeconds(Math.Min(MinBackoff.TotalSeconds * (1 << (kind.Failures - 1)), MaxBackoff.TotalSeconds)));
    }

    private void Postpone(Kind kind, TimeSpan by) =>
        kind.NotBefore = Math.Max(kind.NotBefore ?? 0, _time.GetTimestamp() + (long)(by.TotalSeconds * _time.TimestampFrequency));

    /// <summary>Ends one of those on some devices, where none is being ended already: the oldest of the kind that was asked for longest ago.</summary>
    private void GiveUpOne(IReadOnlyList<Device> devices, string because, Func<StandbyHost, bool>? which = null)
    {
        StandbyHost? host;
        lock (_gate)
        {
            var here = _all.Where(host => devices.Contains(host.Lease.Device)).ToList();
            // Unless that one can't be ended at all.
            host = here.Any(host => host.EndedBecause is not null && _time.GetElapsedTime(host.EndedAt) < EndTime)
                ? null
                : here.Where(host => _idle.Contains(host) && which?.Invoke(host) != false)
                    .OrderBy(host => _kinds.TryGetValue(host.Key, out var kind) ? kind.AskedFor : 0).ThenBy(host => host.Since).FirstOrDefault();
        }
        if (host is not null)
            GiveUp(host, because);
    }

    private void GiveUp(StandbyHost host, string because)
    {
        lock (_gate)
        {
            // It may have been handed out meanwhile.
            if (!_idle.Remove(host))
                return;
        }
        Interlocked.Increment(ref _dropped);
        LogDropped(host.Key.Activity, host.Host?.Process.Pid, because);
        host.End(because);
    }

    private StandbyHost[] Idle()
    {
        lock (_gate)
            return [.. _idle];
    }

    private void Wake()
    {
        if (_wake.CurrentCount == 0)
            _wake.Release();
    }

    // Named as a worker's own scratch folders, so that what cleans up after a killed worker knows it.
    private string CreateFolder()
    {
        var path = Path.Combine(
            _root ?? Path.GetTempPath(), $"omoai-{Environment.ProcessId}-{RandomNumberGenerator.GetHexString(11, lowercase: true)}");
        return OperatingSystem.IsWindows()
            ? Directory.CreateDirectory(path).FullName
            : Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute).FullName;
    }

    private static void DeleteFolder(string folder)
    {
        try
        {
            Directory.Delete(folder, recursive: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Left to whatever cleans up temporary files.
        }
    }

    [LoggerMessage(LogLevel.Information, "A standby host for {Activity} is ready: pid {Pid}, device {Device}")]
    private partial void LogReady(string activity, int pid, string device);

    [LoggerMessage(LogLevel.Information, "A standby host for {Activity} is ended, pid {Pid}: {Reason}")]
    private partial void LogDropped(string activity, int? pid, string reason);

    [LoggerMessage(LogLevel.Warning, "A standby host for {Activity} didn't get ready: {Class}: {Reason}")]
    private partial void LogFailed(string activity, FailureClass @class, string reason);

    [LoggerMessage(LogLevel.Error, "Standby hosts can't be tended to just now; activities start hosts of their own")]
    private partial void LogFault(Exception exception);

    /// <summary>Hosts of one key.</summary>
    private sealed class Kind
    {
        public HostNeed Need { get; set; } = new();

        /// <summary>When it was last asked for.</summary>
        public long AskedFor { get; set; }

        /// <summary>Activities that are known to come.</summary>
        public int Expected { get; set; }

        /// <summary>How often in a row one didn't get ready.</summary>
        public int Failures { get; set; }

        /// <summary>When the next may be started.</summary>
        public long? NotBefore { get; set; }
    }
}
