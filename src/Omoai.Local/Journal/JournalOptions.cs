using System.ComponentModel.DataAnnotations;

namespace Omoai.Local.Journal;

/// <summary>Section <c>Omoai:Journal</c>.</summary>
internal sealed class JournalOptions
{
    public const string Section = "Omoai:Journal";

    /// <summary>The database; its folder is made when it isn't there. <c>omoai serve</c> keeps it in its data folder.</summary>
    [Required]
    public string File { get; set; } = "";

    /// <summary>Jobs under way at the same time; the others wait in the database.</summary>
    [Range(1, 1000)]
    public int MaxJobs { get; set; } = 16;

    /// <summary>Activity hosts at the same time, of all kinds.</summary>
    [Range(1, 256)]
    public int MaxActivities { get; set; } = 2;

    [Range(1, 256)]
    public int MaxPrepare { get; set; } = 2;

    [Range(1, 256)]
    public int MaxTranscribe { get; set; } = 2;

    [Range(1, 256)]
    public int MaxPostProcess { get; set; } = 2;

    /// <summary>Jobs whose end is written at the same time: Publish and RecordFailure, which need no activity host.</summary>
    [Range(1, 256)]
    public int MaxPublish { get; set; } = 2;

    /// <summary>Webhooks delivered at the same time; a slow receiver keeps nothing waiting but other webhooks.</summary>
    [Range(1, 256)]
    public int MaxNotify { get; set; } = 4;

    /// <summary>How long activities may go on when the server is told to stop.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "01:00:00")]
    public TimeSpan DrainGrace { get; set; } = TimeSpan.FromSeconds(20);

    /// <summary>How long ended jobs are remembered; longer than the day for which Event Grid repeats an event.</summary>
    [Range(typeof(TimeSpan), "1.01:00:00", "3650.00:00:00")]
    public TimeSpan KeepEnded { get; set; } = TimeSpan.FromDays(30);
}
