using System.Security.Cryptography;
using Omoai.Local.Models;
using Omoai.Tests;
using Omoai.Transcripts.Models;
using Omoai.Transcripts.Tokenizers;

namespace Omoai.Local.Tests.Models;

/// <summary>The catalogue that ships.</summary>
public sealed class KnownModelsTests
{
    public static TheoryData<string> Names => [.. KnownModels.Shipped.All.Select(model => model.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Every_model_can_be_fetched_or_says_what_to_do(string name)
    {
        var model = KnownModels.Shipped.Find(name)!;

        Assert.True(ModelFolders.IsName(name));
        Assert.Matches("^[A-Za-z0-9.-]+$", model.Licence);
        Assert.All([model.LicenceUrl, model.Page, .. model.Base is null ? [] : new[] { model.Base }], url => Assert.StartsWith("https://", url, StringComparison.Ordinal));
        Assert.Equal(model.Files.Count == 0, model.Base is null);
        Assert.Equal(model.Files.Count == 0, model.Note is not null);
        // Relative to what ends in a slash, or the last folder is lost.
        Assert.True(model.Base is null || model.Base.EndsWith('/'));
        // Size and hash together, and of a version that stays.
        Assert.All(model.Files, file => Assert.Equal(file.Bytes is null, file.Sha256 is null));
        Assert.True(model.Files.All(file => file.Bytes is null) || model.IsPinned, "Some files are stated, others not.");
        Assert.True(!model.IsPinned || !model.Base!.Contains("/main/", StringComparison.Ordinal));
        var files = model.Files.ToDictionary(file => file.Name, file => new ModelFile(file.Bytes ?? 0, file.Sha256 ?? new string('0', 64)));

        var manifest = KnownModels.Shipped.Manifest(model.Template, name, model.Licence, files, model.Model);

        Assert.Contains(manifest.Kind, new[] { ModelKinds.SpeechCtc, ModelKinds.SpeechWhisper, ModelKinds.Vad, ModelKinds.Llm });
        Assert.NotEqual("", manifest.Language);
        string?[] used = [manifest.Whisper?.Encoder, manifest.Whisper?.Decoder, manifest.Whisper?.Tokenizer, manifest.Ctc?.Model, manifest.Ctc?.Tokens, manifest.Vad?.Model, manifest.Causal?.Model, manifest.Causal?.Tokenizer];
        Assert.True(files.Count == 0 || used.OfType<string>().All(files.ContainsKey), "The manifest uses a file that isn't fetched.");
        Assert.True(files.Count == 0 || used.OfType<string>().Any());
        Assert.InRange(manifest.MemoryMb, 128, 8000);
        Assert.True(manifest.Kind != ModelKinds.Llm || ChatFamily.Find(manifest.Causal!.ChatTemplate) is not null);
        using var stream = new MemoryStream(KnownModels.Write(manifest));
        Assert.Equivalent(manifest, ModelManifest.Read(stream), strict: true);
    }

    [Fact]
    public void Names_are_given_once() =>
        Assert.Equal(KnownModels.Shipped.All.Count, KnownModels.Shipped.All.Select(model => model.Name.ToUpperInvariant()).Distinct().Count());

    [SharedDataTheory]
    [InlineData("silero-vad", "silero_vad.onnx", "vad/silero_vad.onnx")]
    [InlineData("whisper-large-v3-turbo-q8", "tokenizer.json", "tokenizers/whisper-large-v3/tokenizer.json")]
    [InlineData("whisper-large-v3-turbo-q8", "preprocessor_config.json", "tokenizers/whisper-large-v3/preprocessor_config.json")]
    [InlineData("whisper-base", "preprocessor_config.json", "tokenizers/phowhisper-tiny/preprocessor_config.json")]
    public void What_is_stated_is_so_where_the_file_is_at_hand(string model, string file, string path)
    {
        var content = File.ReadAllBytes(Path.Combine(TestPaths.SharedData!, path));
        var stated = KnownModels.Shipped.Find(model)!.Files.Single(known => known.Name == file);

        Assert.Equal((content.Length, Convert.ToHexStringLower(SHA256.HashData(content))), (stated.Bytes, stated.Sha256));
    }
}
