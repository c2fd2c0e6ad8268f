using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Omoai.Transcripts;
using Omoai.Transcripts.Activities;
using Omoai.Transcripts.Models;

namespace Omoai.Speech.Tests.Fuzz;

public sealed class ModelFuzzTests : IDisposable
{
    private const int Cases = 1_000;

    /// <summary>What a small model may allocate.</summary>
    private const long MaxBytes = 256L * 1024 * 1024;

    /// <summary>Values to put in the place of others, as JSON; the last isn't any.</summary>
    private static readonly string[] Values =
    [
        "null", "true", "0", "1", "-1", "2", "3", "0.5", "-0.0", "1024", "65536", "2147483647", "2147483648", "-2147483648",
        "9223372036854775807", "1e20", "1e-50", "1e308", "1e400", "-1e308", "\"\"", "\"x\"", "\"NaN\"", "\"../x\"", "\"/etc/passwd\"",
        "\"tokens.txt\"", "\"model.onnx\"", "\"words.txt\"", "\"\\u0000\"", "\"\\ud800\"", "[]", "{}", "[null]", "{\"\":null}", "[1,2,3]",
        "{\"a\":{\"b\":[]}}", Deep(60), Deep(2000), "\"" + new string('x', 100_000) + "\"",
        "\"btf\"", "\"bft\"", "\"bt\"", "\"space\"", "\"sentencepiece\"", "\"characters\"", "\"waveform\"", "\"log-mel\"", "\"povey\"",
        "\"slaney\"", "{\"frames\":32}", "{\"frames\":0,\"left\":-1,\"right\":1e9,\"offsetInput\":\"x\"}",
        "{\"frames\":32,\"left\":8,\"right\":8,\"caches\":[{\"input\":\"x\",\"output\":\"y\",\"shape\":[-1,2147483647,2147483647]}]}",
        "{\"model\":\"model.onnx\",\"input\":\"features\",\"output\":\"log_probs\"}", "{\"features\":1,\"x\":-9223372036854775808}",
        "{\"encoder\":\"model.onnx\",\"decoder\":\"model.onnx\",\"tokenizer\":\"tokens.txt\"}", "\"center-reflect\"", "\"log10\"", "\"speech-ctc\"", "\"speech-whisper\"", "\"punctuation\"",
        "NaN",
    ];

    /// <summary>Values that come so often that each comes to each setting.</summary>
    private static readonly string[] Classics = ["null", "0", "-1", "2147483647", "1e308", "0.5", "\"\"", "[]", "{}", "\"x\""];

    private readonly ToneModel _tones = new();
    private readonly float[] _sound = [.. ToneModel.Sound("_ab__c_").Select(sample => sample / 32768f)];

    public ModelFuzzTests()
    {
        _tones.UseWords("ab\nbc\nc\n", "\\data\\\nngram 1=4\n\n\\1-grams:\n-1\t<s>\n-1\t</s>\n-1\tab\n-1\tbc\n\n\\end\\\n");
        _tones.Manifest = _tones.Manifest with { Confidence = new ConfidenceSettings(1, 0), Languages = ["en"] };
        _tones.Save();
    }

    public void Dispose() => _tones.Dispose();

    [Fact]
    public void The_model_is_fine_as_it_is()
    {
        using var model = SpeechModels.Load(_tones.Folder, 1);

        Assert.NotEmpty(model.Recognize([_sound], new RecognitionRequest(), CancellationToken.None)[0].Words);
    }

    [Fact]
    public void A_thousand_broken_manifests_are_used_or_refused()
    {
        var path = Path.Combine(_tones.Folder, ModelManifest.FileName);
        // With the settings that aren't set, so that they can be.
        var sound = JsonSerializer.Serialize(_tones.Manifest, OmoaiJson.Compact);
        Try(mutation => File.WriteAllText(path, BreakJson(mutation, sound)));
    }

    [Fact]
    public void A_thousand_broken_lists_of_tokens_are_used_or_refused()
    {
        string[] tokens =
        [
            "<blank>\n<space>\na\nb\nc\n", "<blank> 0\n<space> 1\na 2\nb 3\nc 4\n",
            "{\"<blank>\":0,\"<space>\":1,\"a\":2,\"b\":3,\"c\":4}",
        ];
        Try(mutation =>
        {
            var content = Encoding.UTF8.GetBytes(mutation.Pick(tokens));
            _tones.Write("tokens.txt", mutation.Change(content, content.Length));
            _tones.Save();
        });
    }

    [Fact]
    public void Two_hundred_broken_word_lists_and_ngrams_are_used_or_refused()
    {
        var files = new[] { "words.txt", "ngrams.arpa" }.ToDictionary(name => name, name => File.ReadAllBytes(Path.Combine(_tones.Folder, name)));
        Try(mutation =>
        {
            var broken = mutation.Pick(files.Keys.ToList());
            foreach (var (name, content) in files)
            {
                _tones.Write(name, name == broken ? mutation.Change(content, content.Length) : content);
            }

            _tones.Save();
        }, cases: 200);
    }

    /// <summary>Loads what <paramref name="breakIt"/> left, and uses it where it can be loaded.</summary>
    private void Try(Action<Mutation> breakIt, int cases = Cases)
    {
        int refused = 0, used = 0;
        for (var seed = 0; seed < cases; seed++)
        {
            breakIt(new Mutation(seed));
            var before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                using var model = SpeechModels.Load(_tones.Folder, 1);
                var stretch = Assert.Single(model.Recognize([_sound], new RecognitionRequest(), CancellationToken.None));
                Assert.All(stretch.Words, word => Assert.InRange(word.Confidence, 0, 1));
                used++;
            }
            catch (MissingRequirementException e) when (e.Message.Length > 20)
            {
                refused++;
            }
            catch (Exception e)
            {
                throw new InvalidOperationException($"seed {seed}: {e.GetType().Name}: {e.Message}", e);
            }

            var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            Assert.True(allocated < MaxBytes, $"seed {seed}: {allocated} bytes were allocated.");
        }

        Assert.True(refused > 0 && used > 0, $"{refused} refused, {used} used");
    }

    private static string BreakJson(Mutation mutation, string json)
    {
        if (mutation.Random.Next(10) == 0)
        {
            return Encoding.UTF8.GetString(mutation.Change(Encoding.UTF8.GetBytes(json), json.Length));
        }

        // A place holder of each change gives way to text that needn't be JSON.
        var root = JsonNode.Parse(json)!;
        var texts = new List<string>();
        for (var left = Math.Max(1, mutation.Random.Next(-3, 4)); left > 0; left--)
        {
            var all = Settings(root).ToList();
            var (parent, name) = mutation.Pick(all);
            if (mutation.Random.Next(8) == 0)
            {
                parent.Remove(name);
                continue;
            }

            var (otherParent, otherName) = mutation.Pick(all);
            texts.Add(mutation.Random.Next(6) switch
            {
                0 => otherParent[otherName]?.ToJsonString() ?? "null",
                1 or 2 => mutation.Pick(Values),
                _ => mutation.Pick(Classics),
            });
            parent[name] = $"@{texts.Count - 1}@";
        }

        var broken = root.ToJsonString();
        for (var i = texts.Count - 1; i >= 0; i--)
        {
            broken = broken.Replace($"\"@{i}@\"", texts[i], StringComparison.Ordinal);
        }

        return broken;
    }

    private static IEnumerable<(JsonObject Parent, string Name)> Settings(JsonNode? node) => node is JsonObject parent
        ? parent.SelectMany(entry => Settings(entry.Value).Prepend((parent, entry.Key)))
        : [];

    private static string Deep(int levels) => new string('[', levels) + new string(']', levels);
}
