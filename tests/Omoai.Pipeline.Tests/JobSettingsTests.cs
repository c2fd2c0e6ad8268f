using System.Text.Json;
using Microsoft.Extensions.Options;
using Omoai.Pipeline.Models;
using Omoai.Tests;
using Omoai.Transcripts;
using Omoai.Transcripts.Activities;
using Omoai.Transcripts.Models;

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
    public void A_job_in_a_language_that_the_configured_model_does_not_know_takes_one_that_does()
    {
        using var folder = new ModelFolders();
        folder.Add("whisper", ModelKinds.SpeechWhisper, "mul", ["en", "vi"], punctuated: true);

        var vietnamese = Settings(new TranscriptionOptions { Language = "vi-VN" }, folder);
        Assert.Equal(("whisper", null), (vietnamese.SpeechModel, vietnamese.PunctuationModel));
        Assert.Equal("demo-en", Settings(new TranscriptionOptions { Language = "en" }, folder).SpeechModel);
        Assert.Throws<MissingRequirementException>(() => Settings(new TranscriptionOptions { Language = "fr" }, folder));
        Assert.Throws<MissingRequirementException>(() => Settings(new TranscriptionOptions { Language = "vi", Asr = "demo-en" }, folder));
    }

    [Theory]
    [InlineData("nb-NO")]
    [InlineData("fil")]
    [InlineData("cmn-Hans-CN")]
    [InlineData("jv")]
    public void A_language_of_two_tags_is_known_by_either(string language)
    {
        using var folder = new ModelFolders();
        folder.Add("whisper", ModelKinds.SpeechWhisper, "mul", ["no", "tl", "zh", "jw"], punctuated: true);

        Assert.Equal("whisper", Settings(new TranscriptionOptions { Language = language }, folder).SpeechModel);
    }

    [Fact]
    public void The_configured_voice_activity_model_must_be_there_and_be_one()
    {
        using var folder = new ModelFolders();
        folder.Add("silero", ModelKinds.Vad, "und");

        Assert.Null(Settings(new TranscriptionOptions(), folder).VadModel);
        Assert.Equal("silero", Settings(new TranscriptionOptions(), folder, vad: "silero").VadModel);
        Assert.Throws<MissingRequirementException>(() => Settings(new TranscriptionOptions(), folder, vad: "demo-en"));
        Assert.Throws<MissingRequirementException>(() => Settings(new TranscriptionOptions(), folder, vad: "nothing"));
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

    private static JobSettings Settings(TranscriptionOptions asked, ModelFolders folder, string? vad = null) =>
        new PipelineOptions().ToSettings(asked, new ModelCatalog(Options.Create(new ModelOptions
        {
            Folders = { Path.Combine(TestPaths.Repository, "models"), folder.Path },
            Vad = vad,
        })));

    private static JobSettings Settings(TranscriptionOptions asked) =>
        new PipelineOptions().ToSettings(asked, JobSettingsExamples.ShippedModels);
}
