using Omoai.Pipeline.Models;
using Omoai.Tests;
using Omoai.Transcripts.Activities;

namespace Omoai.Pipeline.Tests;

public sealed class DeadlineTests
{
    private static readonly JobSettings Settings = JobSettingsExamples.Some with
    {
        MaxPartSeconds = 600,
        PrepareDeadline = TimeSpan.FromMinutes(10),
        TranscribeDeadline = TimeSpan.FromMinutes(20),
        PostProcessDeadline = TimeSpan.FromMinutes(30),
        BaseDeadline = TimeSpan.FromMinutes(2),
        DeadlineFactor = 3,
    };

    [Fact]
    public void A_deadline_follows_from_the_length_of_the_audio()
    {
        Assert.Equal(TimeSpan.FromSeconds(120 + 30), Settings.DeadlineOfTranscribe(10));
        // 64 kbit/s: a megabyte is 125 s.
        Assert.Equal(TimeSpan.FromSeconds(120 + 375), Settings.DeadlineOfPrepare(1_000_000));
        Assert.Equal(TimeSpan.FromMinutes(2), Settings.DeadlineOfPostProcess(0));
    }

    [Fact]
    public void It_is_never_longer_than_that_of_its_stage()
    {
        Assert.Equal(TimeSpan.FromMinutes(10), Settings.DeadlineOfPrepare(long.MaxValue));
        Assert.Equal(TimeSpan.FromMinutes(20), Settings.DeadlineOfTranscribe(600));
        Assert.Equal(TimeSpan.FromMinutes(30), Settings.DeadlineOfPostProcess(1000));
    }

    [Fact]
    public void With_a_language_model_punctuating_may_take_as_long_as_its_stage_may()
    {
        var llm = Settings with { Llm = new LlmSettings(LlmEngine.Onnx, "qwen") };

        Assert.Equal(TimeSpan.FromMinutes(30), llm.DeadlineOfPostProcess(1));
        Assert.Equal(TimeSpan.FromMinutes(2) + TimeSpan.FromSeconds(1800), (Settings with { PostProcessDeadline = TimeSpan.FromHours(1) }).DeadlineOfPostProcess(1));
    }

    [Fact]
    public void A_job_from_before_there_was_this_has_each_stage_s_own()
    {
        var before = Settings with { BaseDeadline = null, DeadlineFactor = 0 };

        Assert.Equal(TimeSpan.FromMinutes(10), before.DeadlineOfPrepare(1));
        Assert.Equal(TimeSpan.FromMinutes(20), before.DeadlineOfTranscribe(1));
        Assert.Equal(TimeSpan.FromMinutes(30), before.DeadlineOfPostProcess(1));
    }

    [Fact]
    public void The_stamp_of_a_model_changes_with_any_of_its_files()
    {
        var folder = Directory.CreateTempSubdirectory("omoai-test-").FullName;
        try
        {
            var source = Path.Combine(TestPaths.Repository, "models", "demo-en", "punctuation");
            foreach (var file in Directory.GetFiles(source))
            {
                File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
            }

            var model = ModelCatalog.Open(folder);
            var stamps = new List<string> { model.Stamp() };
            Assert.Equal(stamps[0], ModelCatalog.Open(folder).Stamp());
            foreach (var name in model.Manifest!.Files.Keys)
            {
                File.SetLastWriteTimeUtc(Path.Combine(folder, name), new DateTime(2026, 1, 2, 3, 4, 5, DateTimeKind.Utc));
                stamps.Add(model.Stamp());
            }

            Assert.Equal(stamps.Count, stamps.Distinct().Count());
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
