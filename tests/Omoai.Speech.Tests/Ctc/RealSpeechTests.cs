using Omoai.Speech.Tests.Audio;
using Omoai.Tests;
using Omoai.Transcripts;
using Omoai.Transcripts.Activities;

namespace Omoai.Speech.Tests.Ctc;

/// <summary>People's speech through the demo model, which can't know their words, but must not stumble over them.</summary>
public sealed class RealSpeechTests
{
    [SharedDataFact]
    public async Task Recordings_of_people_go_through_the_demo_model()
    {
        var folder = Directory.CreateTempSubdirectory("omoai-people-").FullName;
        try
        {
            using var model = SpeechModels.Load(Path.Combine(TestPaths.Repository, "models", "demo-en", "speech"));
            var clips = Directory.GetFiles(Path.Combine(TestPaths.SharedData!, "speech"))
                .Where(clip => Path.GetExtension(clip) == ".wav" || (Ffmpeg.Path is not null && Path.GetExtension(clip) is ".flac" or ".mp3")).ToList();
            Assert.NotEmpty(clips);
            foreach (var clip in clips)
            {
                var prepared = await Preparer.PrepareAsync(new PrepareInput(clip, folder), new Progress<double>(), CancellationToken.None);
                var part = Assert.Single(prepared.Parts);
                var output = Path.Combine(folder, "words.json");
                await Transcriber.TranscribeAsync(
                    model, new TranscribeInput(part, Path.Combine(folder, part.File), "", output), new Progress<double>(), CancellationToken.None);

                var words = System.Text.Json.JsonSerializer.Deserialize<RecognizedPart>(
                    await File.ReadAllTextAsync(output), OmoaiJson.Compact)!.Words;
                Assert.NotEmpty(words);
                Assert.All(words, word => Assert.True(word.Start <= word.End && word.End <= prepared.Duration + 0.1 && word.Confidence is > 0 and <= 1));
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
