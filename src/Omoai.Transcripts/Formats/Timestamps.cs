using System.Globalization;

namespace Omoai.Transcripts.Formats;

/// <summary>Times as the formats write them. Hours have two digits or more.</summary>
internal static class Timestamps
{
    // Some thirty thousand years: a bound that only a broken document meets, and that no arithmetic overflows at.
    private const double MaxSeconds = 1e12;

    /// <summary>The nearest millisecond; what isn't a time is 0.</summary>
    public static long Milliseconds(double seconds) =>
        seconds > 0 ? (long)Math.Round(Math.Min(seconds, MaxSeconds) * 1000, MidpointRounding.AwayFromZero) : 0;

    /// <summary><c>HH:MM:SS,mmm</c> with the separator given.</summary>
    public static string Precise(long milliseconds, char separator) => string.Create(
        CultureInfo.InvariantCulture, $"{Clock(milliseconds)}{separator}{milliseconds % 1000:000}");

    /// <summary><c>HH:MM:SS</c>, the second that has begun.</summary>
    public static string Clock(double seconds) => Clock(Milliseconds(seconds));

    /// <summary>In a style; null where that is none.</summary>
    public static string? InStyle(TimestampStyle style, double seconds) => style switch
    {
        TimestampStyle.S => string.Create(CultureInfo.InvariantCulture, $"{Milliseconds(seconds) / 1000}s"),
        TimestampStyle.Ms => string.Create(CultureInfo.InvariantCulture, $"{Milliseconds(seconds)}ms"),
        TimestampStyle.Clock => Clock(seconds),
        _ => null,
    };

    private static string Clock(long milliseconds)
    {
        var seconds = milliseconds / 1000;
        return string.Create(
            CultureInfo.InvariantCulture, $"{seconds / 3600:00}:{seconds / 60 % 60:00}:{seconds % 60:00}");
    }
}
