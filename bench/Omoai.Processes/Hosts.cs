using System.Diagnostics;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Omoai.Isolation;

namespace Omoai.Processes;

/// <summary>Runs activities in hosts of one kind, cold or from standby.</summary>
internal sealed class Hosts : IDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(1);

    private static int _made;

    private readonly ActivityHostLauncher _launcher;

    /// <param name="path">The executable.</param>
    /// <param name="standby">How many wait ahead of time.</param>
    /// <param name="configure">What else is set.</param>
    public Hosts(string path, int standby = 0, Action<IsolationOptions>? configure = null)
    {
        // On the processor, as the resident and the peers are; and not together with other workers of this machine.
        var options = new IsolationOptions
        {
            HostPath = path,
            Devices = "",
            CpuHosts = 8,
            LeaseFolder = Path.Combine(LeaseFolder, $"{Interlocked.Increment(ref _made)}"),
            StandbyHosts = standby,
        };
        configure?.Invoke(options);
        _launcher = new ActivityHostLauncher(options, NullLogger<ActivityHostLauncher>.Instance, TimeProvider.System);
    }

    /// <summary>Where each of these has a folder for its leases.</summary>
    public static string LeaseFolder { get; set; } = "";

    /// <summary>Has one made ready.</summary>
    public void Expect(string activity, JsonElement warmUp) => _launcher.Expect(activity, Need(warmUp));

    /// <param name="activity">Its name.</param>
    /// <param name="input">Its input.</param>
    /// <param name="scratch">Its folder.</param>
    /// <param name="warmUp">What a standby is warmed with; null for a cold host.</param>
    /// <param name="deadline">A minute where it isn't said.</param>
    /// <param name="progress">Told how far it is.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <param name="answered">Told the output when it is there.</param>
    public Task<HostResult> RunAsync(
        string activity, JsonElement input, string scratch, JsonElement? warmUp = null, TimeSpan? deadline = null,
        IProgress<HostProgress>? progress = null, CancellationToken cancellationToken = default, Action<JsonElement>? answered = null)
    {
        var request = new HostRequest(activity, input, scratch, deadline ?? Deadline) { Need = Need(warmUp) };
        return _launcher.RunAsync(request, progress, cancellationToken, answered: answered);
    }

    /// <summary>The same where it must succeed, and the milliseconds from call to answer and until the host was gone.</summary>
    public async Task<(HostResult Result, double Milliseconds, double UntilGone)> TimeAsync(
        string activity, JsonElement input, string scratch, JsonElement? warmUp = null)
    {
        var began = Stopwatch.GetTimestamp();
        var answered = 0.0;
        var result = await RunAsync(
            activity, input, scratch, warmUp, answered: _ => answered = Stopwatch.GetElapsedTime(began).TotalMilliseconds);
        var gone = Stopwatch.GetElapsedTime(began).TotalMilliseconds;
        return result.Failure is null ? (result, answered, gone) : throw new InvalidOperationException($"{activity}: {result.Failure}");
    }

    public void Dispose() => _launcher.Dispose();

    private static HostNeed Need(JsonElement? warmUp) =>
        new() { WarmUp = warmUp is { } known ? new WarmUp(known, "bench") : null };
}
