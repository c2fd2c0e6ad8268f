using System.Text.Json;
using System.Text.Json.Nodes;
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

    [Fact]
    public void A_job_that_was_written_down_before_there_were_language_models_can_still_be_read()
    {
        var job = new TranscriptionJob("job", "audio-api/job", "a.wav", new TranscriptionOptions(), JobSettingsExamples.Some);
        var json = JsonNode.Parse(JsonSerializer.Serialize(job, OmoaiJson.Compact))!;
        string[] options = ["llm", "summaryLanguage", "spellingEdits", "timestamps", "include", "qualityMetrics", "diffs"];
        Assert.All(options, name => Assert.True(json["options"]!.AsObject().Remove(name), name));
        Assert.True(json["settings"]!.AsObject().Remove("llm"));

        Assert.Equal(job, json.Deserialize<TranscriptionJob>(OmoaiJson.Compact));
    }

    [Theory]
    [InlineData(PunctuationMethod.Llm, SummaryMethod.Extractive, true)]
    [InlineData(PunctuationMethod.Model, SummaryMethod.Llm, true)]
    [InlineData(PunctuationMethod.Model, SummaryMethod.Extractive, false)]
    [InlineData(PunctuationMethod.None, SummaryMethod.None, false)]
    public void A_job_keeps_to_a_language_model_where_it_asks_for_one(PunctuationMethod punctuation, SummaryMethod summary, bool asks)
    {
        using var folder = new ModelFolders();
        folder.Add("qwen", ModelKinds.Llm, "mul");

        var settings = Settings(
            new TranscriptionOptions { Punctuation = punctuation, Summary = summary }, folder, llm: new LlmOptions { Model = "qwen", Seed = 7 });

        Assert.Equal(asks, settings.Llm is not null);
        Assert.True(settings.Llm is null or { Engine: LlmEngine.Onnx, Model: "qwen", Seed: 7, Endpoint: null });
    }

    [Fact]
    public void A_job_that_names_a_language_model_gets_that_one_wherever_it_runs()
    {
        using var folder = new ModelFolders();
        folder.Add("qwen", ModelKinds.Llm, "mul");
        var server = new LlmOptions { ContextTokens = 4096, OpenAi = { Endpoint = "https://example.com/v1", Model = "gpt", Token = "t0p-s3cret" } };

        var (its, installed) = (Find(null), Find("qwen"));

        Assert.Equal((LlmEngine.OpenAi, "gpt", "https://example.com/v1", 4096), (its.Engine, its.Model, its.Endpoint!.ToString(), its.ContextTokens));
        Assert.Equal((LlmEngine.Onnx, "qwen", null), (installed.Engine, installed.Model, installed.Endpoint));
        Assert.Equal(its, Find("gpt"));
        var none = Assert.Throws<MissingRequirementException>(() => Find("llama"));
        Assert.Contains("'llama'", none.Message, StringComparison.Ordinal);
        Assert.Contains("'gpt'", none.Message, StringComparison.Ordinal);

        LlmSettings Find(string? name) =>
            Settings(new TranscriptionOptions { Summary = SummaryMethod.Llm, Llm = name }, folder, llm: server).Llm!;
    }

    [Fact]
    public void A_job_that_asks_for_a_language_model_where_there_is_none_is_told_what_to_do()
    {
        using var folder = new ModelFolders();
        folder.Add("qwen", ModelKinds.Llm, "mul");
        var asked = new TranscriptionOptions { Punctuation = PunctuationMethod.Llm };

        Assert.Contains("Omoai:Llm:Model", Assert.Throws<MissingRequirementException>(() => Settings(asked, folder)).Message, StringComparison.Ordinal);
        var gone = Assert.Throws<MissingRequirementException>(() => Settings(asked, folder, llm: new LlmOptions { Model = "llama" }));
        Assert.Contains("Installed: qwen", gone.Message, StringComparison.Ordinal);
        Assert.Contains("'llm'", Assert.Throws<MissingRequirementException>(() => Settings(asked with { Llm = "demo-en" }, folder)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null, 2)]
    [InlineData(0, 0)]
    [InlineData(4, 4)]
    public void Spelling_edits_are_the_jobs_or_else_those_configured(int? asked, int expected)
    {
        using var folder = new ModelFolders();
        folder.Add("qwen", ModelKinds.Llm, "mul");

        var settings = Settings(
            new TranscriptionOptions { Punctuation = PunctuationMethod.Llm, SpellingEdits = asked }, folder,
            llm: new LlmOptions { Model = "qwen", MaxSpellingEdits = 2 });

        Assert.Equal(expected, settings.Llm!.MaxSpellingEdits);
    }

    [Fact]
    public void Paths_of_a_job_are_whole_for_its_host_has_another_folder()
    {
        using var folder = new ModelFolders();
        var llm = new LlmOptions { Prompts = "prompts", Tokenizer = "t.json", OpenAi = { Endpoint = "http://127.0.0.1:1/v1", Model = "gpt" } };

        var settings = Settings(new TranscriptionOptions { Summary = SummaryMethod.Llm }, folder, llm: llm).Llm!;

        Assert.Equal((Path.GetFullPath("prompts"), Path.GetFullPath("t.json")), (settings.PromptFolder, settings.Tokenizer));
    }

    [Theory]
    [InlineData(null, "demo-en-punctuation")]
    [InlineData("en-GB", "demo-en-punctuation")]
    [InlineData("vi", null)]
    public void A_language_model_falls_back_on_the_punctuation_model_where_that_knows_the_language(string? language, string? expected)
    {
        using var folder = new ModelFolders();
        folder.Add("qwen", ModelKinds.Llm, "mul");
        folder.Add("bare", ModelKinds.SpeechCtc, "vi");

        var settings = Settings(
            new TranscriptionOptions { Punctuation = PunctuationMethod.Llm, Language = language }, folder, llm: new LlmOptions { Model = "qwen" });

        Assert.Equal(expected, settings.PunctuationModel);
    }

    [Fact]
    public void A_language_model_needs_no_punctuation_model()
    {
        using var folder = new ModelFolders();
        folder.Add("qwen", ModelKinds.Llm, "mul");
        var models = new ModelCatalog(Options.Create(new ModelOptions
        {
            Folders = { Path.Combine(TestPaths.Repository, "models"), folder.Path },
            Punctuation = "no-such-model",
        }));
        var llm = new LlmOptions { Model = "qwen" };

        Assert.Null(new PipelineOptions().ToSettings(new TranscriptionOptions { Punctuation = PunctuationMethod.Llm }, models, llm).PunctuationModel);
        Assert.Throws<MissingRequirementException>(() => new PipelineOptions().ToSettings(new TranscriptionOptions(), models, llm));
    }

    private static JobSettings Settings(TranscriptionOptions asked, ModelFolders folder, string? vad = null, LlmOptions? llm = null) =>
        new PipelineOptions().ToSettings(
            asked,
            new ModelCatalog(Options.Create(new ModelOptions
            {
                Folders = { Path.Combine(TestPaths.Repository, "models"), folder.Path },
                Vad = vad,
            })),
            llm ?? new LlmOptions());

    private static JobSettings Settings(TranscriptionOptions asked) =>
        new PipelineOptions().ToSettings(asked, JobSettingsExamples.ShippedModels, new LlmOptions());
}
