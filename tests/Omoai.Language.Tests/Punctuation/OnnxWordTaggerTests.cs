using Omoai.Language.Punctuation;
using Omoai.Language.Tests.Support;
using Omoai.Transcripts.Activities;
using Omoai.Transcripts.Models;

namespace Omoai.Language.Tests.Punctuation;

public sealed class OnnxWordTaggerTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("omoai-tagger-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void Characters_pauses_and_length_reach_the_graph_as_the_contract_says()
    {
        TinyModel.WriteFolder(folder);
        using var tagger = OnnxWordTagger.Load(folder);
        var tags = tagger.Tag(
            ["alpha", "zulu", "đã", "yankee", "exactlysixteench", "exactlyfifteenc"], [0.1f, 0.1f, 0.2f, 0.6f, 0.4f, 3]);
        Assert.Equal(
            [
                new WordTag("", WordCase.Lower),
                new WordTag(",", WordCase.Lower),
                new WordTag(",", WordCase.Lower), // Unknown letters have the id after the alphabet's last.
                new WordTag(".", WordCase.Lower),
                new WordTag("", WordCase.Upper),
                new WordTag(".", WordCase.Lower),
            ],
            tags);
    }

    [Fact]
    public void Windows_of_any_length_up_to_the_models_run_and_agree_with_single_words()
    {
        TinyModel.WriteFolder(folder);
        using var tagger = OnnxWordTagger.Load(folder);
        var random = new Random(5);
        string[] words = [.. Enumerable.Range(0, 200).Select(_ =>
            new string([.. Enumerable.Range(0, random.Next(1, 20)).Select(_ => (char)('a' + random.Next(26)))]))];
        float[] pauses = [.. words.Select(_ => random.NextSingle())];
        var windowed = TaggingWindows.Tag(tagger, words, pauses, _ => { }, CancellationToken.None);
        Assert.Equal(words.SelectMany((word, i) => tagger.Tag([word], [pauses[i]])), windowed);
    }

    [Fact]
    public void A_large_model_runs_on_the_processor_where_there_is_no_CUDA()
    {
        TinyModel.WriteFolder(folder, manifest => manifest with { MemoryMb = 4096 });
        using var tagger = OnnxWordTagger.Load(folder);
        Assert.Equal(",", tagger.Tag(["zulu"], [0])[0].Mark);
    }

    [Fact]
    public void A_missing_folder_says_so() => Refused("There is no punctuation model", folder + "-absent");

    [Fact]
    public void Another_kind_of_model_is_refused()
    {
        TinyModel.WriteFolder(folder, manifest => manifest with { Kind = ModelKinds.SpeechCtc });
        Refused("it is not a punctuation model");
    }

    [Fact]
    public void A_damaged_file_is_refused()
    {
        TinyModel.WriteFolder(folder);
        var path = Path.Combine(folder, "model.onnx");
        var bytes = File.ReadAllBytes(path);
        bytes[^1] ^= 1;
        File.WriteAllBytes(path, bytes);
        Refused("is damaged");
    }

    [Fact]
    public void A_file_that_is_no_graph_is_refused()
    {
        byte[] junk = [.. Enumerable.Range(0, 500).Select(i => (byte)(i * 37))];
        TinyModel.WriteFolder(folder, manifest => manifest with
        {
            Files = new Dictionary<string, ModelFile>
            {
                ["model.onnx"] = new(junk.Length, Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(junk))),
            },
        });
        File.WriteAllBytes(Path.Combine(folder, "model.onnx"), junk);
        Refused("model.onnx can't be loaded");
    }

    [Fact]
    public void A_graph_with_another_input_is_refused()
    {
        TinyModel.WriteFolder(folder, pausesName: "silences");
        Refused("has no 'pauses'");
    }

    [Fact]
    public void A_graph_with_another_rank_is_refused()
    {
        TinyModel.WriteFolder(folder, pausesRank: 2);
        Refused("'pauses' of its graph must be");
    }

    public static TheoryData<string, PunctuationSettings> BadSettings()
    {
        var good = new PunctuationSettings("model.onnx", TinyModel.Alphabet, 16, 32, TinyModel.Marks, TinyModel.Cases);
        return new()
        {
            { "'punctuation' of its graph must be", good with { Marks = ["", ",", ".", "?"] } },
            { "'chars' of its graph must be", good with { WordLength = 8 } },
            { "wordLength must be", good with { WordLength = 0 } },
            { "wordLength must be", good with { MaxWords = 0 } },
            { "marks must be", good with { Marks = ["", "and", "."] } },
            { "marks must be", good with { Marks = [] } },
            { "cases must be", good with { Cases = ["lower", "title", "upper"] } },
            { "is not among its files", good with { Model = "../model.onnx" } },
        };
    }

    [Theory]
    [MemberData(nameof(BadSettings))]
    public void Settings_that_do_not_fit_are_refused(string message, PunctuationSettings settings)
    {
        TinyModel.WriteFolder(folder, manifest => manifest with { Punctuation = settings });
        Refused(message);
    }

    private void Refused(string message, string? path = null) =>
        Assert.Contains(message, Assert.Throws<MissingRequirementException>(() => OnnxWordTagger.Load(path ?? folder)).Message,
            StringComparison.Ordinal);
}
