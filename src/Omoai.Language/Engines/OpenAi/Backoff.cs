using System.Globalization;

namespace Omoai.Language.Engines.OpenAi;

/// <summary>How long to wait between attempts. For several threads at once.</summary>
/// <param name="time">The clock of dates.</param>
/// <param name="random">Spreads the attempts of requests that failed together.</param>
internal sealed class Backoff(TimeProvider time, Random random)
{
    /// <summary>Of a server's word no more is believed.</summary>
    public static readonly TimeSpan MaxRetryAfter = TimeSpan.FromMinutes(1);

    private static readonly TimeSpan First = TimeSpan.FromSeconds(0.5);
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(30);

    private readonly Lock _gate = new();

    /// <summary>
    /// Half a second after the first attempt and twice as long after each further one, of which a random half to all; or as the server
    /// asks, where that is longer.
    /// </summary>
    /// <param name="attempt">Attempts that failed, from 1.</param>
    /// <param name="retryAfter">What the server asks for.</param>
    public TimeSpan Delay(int attempt, TimeSpan? retryAfter)
    {
        var delay = First * Math.Pow(2, Math.Min(attempt - 1, 20));
        delay = (delay < Longest ? delay : Longest) * (0.5 + (0.5 * Next()));
        return retryAfter > delay ? retryAfter.Value : delay;
    }

    /// <summary>
    /// What the server asks for in <c>retry-after-ms</c>, or in <c>Retry-After</c> in seconds or as a date; at most
    /// <see cref="MaxRetryAfter"/>.
    /// </summary>
    public TimeSpan? RetryAfter(ServerError error)
    {
        var header = error.Header("Retry-After");
        double? seconds =
            Number(error.Header("retry-after-ms")) / 1000 ?? Number(header)
            ?? (DateTimeOffset.TryParse(header, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var date)
                ? (date - time.GetUtcNow()).TotalSeconds : null);
        return seconds is { } asked ? TimeSpan.FromSeconds(Math.Clamp(asked, 0, MaxRetryAfter.TotalSeconds)) : null;
    }

    private static double? Number(string? text) =>
        // It takes "NaN" for a number as well.
        double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number) && number >= 0 ? number : null;

    private double Next()
    {
        lock (_gate)
        {
            return random.NextDouble();
        }
    }
}
