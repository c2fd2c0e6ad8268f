using System.Globalization;

namespace Omoai.Local.Journal;

/// <summary>What happened to an instance. The numbers are stored: never change their meaning.</summary>
internal enum JournalEntryKind
{
    Started = 1,
    CancelRequested = 2,

    /// <summary>The orchestrator called an activity.</summary>
    ActivityCalled = 3,
    ActivityEnded = 4,

    /// <summary>The orchestrator set a timer.</summary>
    TimerSet = 5,
    TimerFired = 6,
}

/// <summary>One entry of an instance's history. Each event from outside is followed by the calls that the orchestrator made
/// on it; both are written in one transaction.</summary>
/// <param name="Kind">What happened.</param>
/// <param name="Call">The call's number in its instance, from 0; that of the call that ended; -1 for the other kinds.</param>
/// <param name="Name">The activity and what tells its calls apart; null for the other kinds.</param>
/// <param name="Data">The activity's result, JSON; null for the other kinds.</param>
/// <param name="At">When it happened, or when the timer is due; null for a call of an activity.</param>
internal sealed record JournalEntry(JournalEntryKind Kind, int Call, string? Name, string? Data, DateTimeOffset? At)
{
    public bool IsCall => Kind is JournalEntryKind.ActivityCalled or JournalEntryKind.TimerSet;

    public override string ToString() => Kind switch
    {
        JournalEntryKind.ActivityCalled => $"a call of {Name}",
        JournalEntryKind.TimerSet => string.Create(CultureInfo.InvariantCulture, $"a timer for {At:O}"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{Kind} {Call}"),
    };
}

/// <summary>The code that runs doesn't do what the history says that it did.</summary>
internal sealed class NonDeterminismException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>The journal can't be used.</summary>
internal sealed class JournalException(string message, Exception? inner = null) : Exception(message, inner);
