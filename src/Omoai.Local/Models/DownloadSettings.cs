namespace Omoai.Local.Models;

/// <summary>How patient a download is, and what it refuses.</summary>
internal sealed record DownloadSettings
{
    /// <summary>A connection on which fewer than <see cref="StallBytes"/> come in this time is given up, and made anew.</summary>
    public TimeSpan StallTimeout { get; init; } = TimeSpan.FromSeconds(30);

    public int StallBytes { get; init; } = 4096;

    /// <summary>Attempts in a row that bring fewer than <see cref="ProgressBytes"/>.</summary>
    public int Attempts { get; init; } = 6;

    public int ProgressBytes { get; init; } = 64 << 10;

    /// <summary>Before the second attempt; doubles with each further one, up to <see cref="MaxDelay"/>.</summary>
    public TimeSpan FirstDelay { get; init; } = TimeSpan.FromSeconds(1);

    public TimeSpan MaxDelay { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>A server that asks for a longer wait isn't waited for.</summary>
    public TimeSpan MaxRetryAfter { get; init; } = TimeSpan.FromMinutes(5);

    public int MaxRedirects { get; init; } = 5;

    /// <summary>The longest file of which nobody has stated the size.</summary>
    public long MaxUnstatedBytes { get; init; } = 16L << 30;

    /// <summary>After so many bytes the disk is looked at again: a body may not say how long it is, and others write too.</summary>
    public long RoomBytes { get; init; } = 16L << 20;

    /// <summary>What stays free on the disk.</summary>
    public long DiskMargin { get; init; } = 64L << 20;
}
