using System.Globalization;
using Omoai.Pipeline;

namespace Omoai.Functions.Tests.Support;

internal static class TestJobs
{
    /// <summary>A job without a delay between its attempts; another number is another job.</summary>
    public static TranscriptionJob Job(int number = 1, TimeSpan? answerTimeout = null, string? webhook = null)
    {
        var deadline = answerTimeout is null ? TimeSpan.FromMinutes(30) : TimeSpan.Zero;
        var settings = new JobSettings(
            "demo-en", "demo-en-punctuation", MaxPartSeconds: 600, ParagraphGapSeconds: 1.5, PrepareDeadline: deadline,
            TranscribeDeadline: deadline, PostProcessDeadline: deadline, MaxParallelParts: 3, MaxAttempts: 3, MaxLostAttempts: 30,
            RetryDelay: TimeSpan.Zero, AnswerGrace: answerTimeout);
        return new TranscriptionJob(
            number.ToString("x32", CultureInfo.InvariantCulture), $"audio-in/{number}.wav", $"{number}.wav",
            new TranscriptionOptions { Webhook = webhook }, settings, "version");
    }
}
