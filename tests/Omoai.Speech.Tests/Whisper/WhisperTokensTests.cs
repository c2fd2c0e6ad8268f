using System.Text;
using Omoai.Speech.Whisper;
using Omoai.Tests;

namespace Omoai.Speech.Tests.Whisper;

public sealed class WhisperTokensTests
{
    /// <summary>The ids of OpenAI's vocabularies: 99 languages, and 100 from large-v3 on.</summary>
    [SharedDataTheory]
    [InlineData("phowhisper-tiny", 99, 50363, 50362)]
    [InlineData("whisper-large-v3", 100, 50364, 50363)]
    public void Published_tokenizers_are_read(string name, int languages, int noTimestamps, int noSpeech)
    {
        using var stream = File.OpenRead(Path.Combine(TestPaths.SharedData!, "tokenizers", name, "tokenizer.json"));

        var tokens = WhisperTokens.Read(stream);

        Assert.Equal((50257, 50258), (tokens.EndOfText, tokens.StartOfTranscript));
        Assert.Equal((noTimestamps - 4, noTimestamps - 5), (tokens.Transcribe, tokens.Translate));
        Assert.Equal((noSpeech, noTimestamps + 1), (tokens.NoSpeech, tokens.TimestampBegin));
        Assert.Equal(noTimestamps + 1 + 1501, tokens.Count);
        Assert.Equal(languages, tokens.Languages.Count);
        Assert.Equal((50259, 50278, 50352), (tokens.Languages["en"], tokens.Languages["vi"], tokens.Languages["haw"]));

        // " Vietnamese" by GPT-2's list; tokens 0 to 255 are the single bytes.
        Assert.Equal("!", Encoding.UTF8.GetString(tokens.TextOf(0)));
        Assert.Equal(" ", Encoding.UTF8.GetString(tokens.TextOf(220)));
        Assert.Equal(256, Enumerable.Range(0, 256).Select(id => tokens.TextOf(id).ToArray().Single()).Distinct().Count());
        Assert.True(tokens.TextOf(50257).IsEmpty);
        Assert.Equal(30, tokens.SecondsOf(tokens.Count - 1), 1e-9);
    }

    [Fact]
    public void A_special_token_of_one_bar_is_no_timestamp()
    {
        var tokens = WhisperTokens.Read(new MemoryStream(
            """{"model": {"vocab": {"a": 0}}, "added_tokens": [{"content": "<|endoftext|>", "id": 1}, {"content": "<|>", "id": 2}, {"content": "<|startoftranscript|>", "id": 3}, {"content": "<|notimestamps|>", "id": 4}]}"""u8.ToArray()));

        Assert.Equal(5, tokens.TimestampBegin);
    }

    [SharedDataFact]
    public void The_published_generation_settings_are_read()
    {
        var folder = Path.Combine(TestPaths.SharedData!, "tokenizers", "phowhisper-tiny");
        using var stream = File.OpenRead(Path.Combine(folder, "generation_config.json"));
        using var older = File.OpenRead(Path.Combine(folder, "config.json"));

        var settings = GenerationSettings.Read(stream);

        Assert.Equal(88, settings.Suppressed.Count);
        Assert.Equal([new(2, 2), new(3, 0), new(3, 2), new(3, 3), new(3, 4), new(3, 5)], settings.AlignmentHeads);
        Assert.True(settings.Multilingual);
        Assert.Equal((0, 0, (bool?)null), (
            GenerationSettings.Read(older) is var other ? other.Suppressed.Count : -1, other.AlignmentHeads.Count, other.Multilingual));
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("""{"model": {"vocab": []}, "added_tokens": []}""")]
    [InlineData("""{"model": {"vocab": {"a": 99999999}}, "added_tokens": []}""")]
    [InlineData("""{"model": {"vocab": {"a": 1.5}}, "added_tokens": []}""")]
    [InlineData("""{"model": {"vocab": {"a": "1"}}, "added_tokens": []}""")]
    [InlineData("""{"model": {"vocab": {"今": 1}}, "added_tokens": []}""")]
    [InlineData("""{"model": {"vocab": {"a": 0}}, "added_tokens": [{"content": null, "id": 1}]}""")]
    [InlineData("""{"model": {"vocab": {"a": 0}}, "added_tokens": [{"content": "<|endoftext|>"}]}""")]
    // In another order: text after the end, and the end after the other special tokens.
    [InlineData("""{"model": {"vocab": {"a": 9}}, "added_tokens": [{"content": "<|endoftext|>", "id": 1}, {"content": "<|startoftranscript|>", "id": 2}, {"content": "<|notimestamps|>", "id": 3}]}""")]
    [InlineData("""{"model": {"vocab": {"a": 0}}, "added_tokens": [{"content": "<|endoftext|>", "id": 3}, {"content": "<|startoftranscript|>", "id": 2}, {"content": "<|notimestamps|>", "id": 4}]}""")]
    [InlineData("""{"model": {"vocab": {"a": 0}}, "added_tokens": [{"content": "<|endoftext|>", "id": 1}, {"content": "<|startoftranscript|>", "id": 5}, {"content": "<|notimestamps|>", "id": 4}]}""")]
    [InlineData("""{"model": {"vocab": {"a": 0}}, "added_tokens": [{"content": "<|endoftext|>", "id": 1}, {"content": "<|startoftranscript|>", "id": 2}, {"content": "<|notimestamps|>", "id": 3}, {"content": "<|0.00|>", "id": 5}]}""")]
    [InlineData("""{"model": {"vocab": {"a": 0}}, "added_tokens": [{"content": "<|endoftext|>", "id": 1}, {"content": "<|startoftranscript|>", "id": 2}, {"content": "<|notimestamps|>", "id": 3}, {"content": "<|30.00|>", "id": 9}]}""")]
    public void What_is_no_such_tokenizer_is_refused(string json) =>
        Assert.Throws<InvalidDataException>(() => WhisperTokens.Read(new MemoryStream(Encoding.UTF8.GetBytes(json))));

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("""{"suppress_tokens": 5}""")]
    [InlineData("""{"suppress_tokens": [1e99]}""")]
    [InlineData("""{"alignment_heads": [[1]]}""")]
    [InlineData("""{"alignment_heads": [5]}""")]
    [InlineData("""{"is_multilingual": "yes"}""")]
    public void What_are_no_such_settings_is_refused(string json) =>
        Assert.Throws<InvalidDataException>(() => GenerationSettings.Read(new MemoryStream(Encoding.UTF8.GetBytes(json))));

    [Fact]
    public void There_can_only_be_so_many_alignment_heads() => Assert.Throws<InvalidDataException>(() =>
        GenerationSettings.Read(new MemoryStream(Encoding.UTF8.GetBytes(
            $$"""{"alignment_heads": [{{string.Join(",", Enumerable.Repeat("[0, 0]", 65))}}]}"""))));
}
