using System.Text.Json;
using Omoai.Transcripts;
using Omoai.Transcripts.Activities;

namespace Omoai.Pipeline.Tests;

public sealed class JobSettingsTests
{
    [Fact]
    public void A_job_that_asks_for_nothing_takes_the_configured_models()
    {
        Assert.Equal("demo-en", JobSettingsExamples.Some.SpeechModel);
        Assert.Equal("demo-en-punctuation", JobSettingsExamples.Some.PunctuationModel);
    }

    [Fact]
    public void A_job_that_wants_its_words_as_recognised_has_no_punctuation_model()
    {
        Assert.Null(Settings(new TranscriptionOptions { Punctuation = PunctuationMethod.None }).PunctuationModel);
    }

    [Theory]
    [InlineData("whisper", null)]
    [InlineData("demo-en-punctuation", null)]
    [InlineData(null, "vi")]
    public void A_model_that_can_not_do_it_is_refused_before_the_job_starts(string? model, string? language)
    {
        Assert.Throws<MissingRequirementException>(() => Settings(new TranscriptionOptions { Asr = model, Language = language }));
    }

    [Fact]
    public void A_region_of_the_models_language_is_that_language()
    {
        Assert.Equal("demo-en", Settings(new TranscriptionOptions { Language = "en-GB" }).SpeechModel);
    }

    [Fact]
    public void A_job_that_was_written_down_before_there_were_webhooks_can_still_be_read()
    {
        var job = new TranscriptionJob("job", "audio-api/job", "a.wav", new TranscriptionOptions(), JobSettingsExamples.Some);
        var json = JsonSerializer.Serialize(job, OmoaiJson.Compact)
            .Replace(",\"webhook\":null", "", StringComparison.Ordinal)
            .Replace(",\"maxWebhookAttempts\":6", "", StringComparison.Ordinal);

        Assert.DoesNotContain("webhook", json, StringComparison.OrdinalIgnoreCase);
        Assert.Equal(job, JsonSerializer.Deserialize<TranscriptionJob>(json, OmoaiJson.Compact));
    }

    private static JobSettings Settings(TranscriptionOptions asked) =>
        new PipelineOptions().ToSettings(asked, JobSettingsExamples.ShippedModels);
}
