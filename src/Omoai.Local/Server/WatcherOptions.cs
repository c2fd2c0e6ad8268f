using System.ComponentModel.DataAnnotations;

namespace Omoai.Local.Server;

/// <summary>Section <c>Omoai:Watcher</c>.</summary>
internal sealed class WatcherOptions
{
    public const string Section = "Omoai:Watcher";

    /// <summary>Whether the container <c>audio-in</c> is watched at all.</summary>
    public bool Enabled { get; set; } = true;

    /// <summary>Between two looks. A recording is taken at the second look that finds it as it is.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "01:00:00", ParseLimitsInInvariantCulture = true)]
    public TimeSpan Interval { get; set; } = TimeSpan.FromSeconds(2);
}
