using System.Text.Json;

namespace Omoai.Isolation;

/// <summary>Runs one activity in a host.</summary>
/// <returns>Its output; references and small facts, at most 1 MiB as JSON.</returns>
public delegate Task<JsonElement> ActivityHandler(JsonElement input, ActivityContext context);

/// <summary>
/// Does ahead of an activity's request what can be done without it, in the process that will get that request and on no other's
/// behalf: loads, compiles, allocates. What it keeps for the handler is the two's own business.
/// </summary>
/// <param name="input">What is known of the request's input by then.</param>
/// <param name="context">As for the handler; nobody listens to its progress yet.</param>
/// <returns>Done; it leaves no file behind. It throws what the activity would.</returns>
public delegate Task ActivityWarmUp(JsonElement input, ActivityContext context);

/// <summary>What a handler may use besides its input.</summary>
public sealed class ActivityContext
{
    private readonly Action<HostProgress> _report;

    internal ActivityContext(string scratchFolder, Action<HostProgress> report, CancellationToken cancellationToken)
    {
        ScratchFolder = scratchFolder;
        _report = report;
        CancellationToken = cancellationToken;
    }

    /// <summary>The folder it may write to; the working directory.</summary>
    public string ScratchFolder { get; }

    /// <summary>Cancelled when the host is asked to stop; it is killed a moment later.</summary>
    public CancellationToken CancellationToken { get; }

    /// <summary>Tells how far the activity is. Cheap: reports in quick succession are dropped.</summary>
    /// <param name="fraction">0 to 1.</param>
    /// <param name="message">What it does just now, or null.</param>
    public void Progress(double fraction, string? message = null) => _report(new HostProgress(fraction, message));
}
