using System.Text;
using Omoai.Transcripts.Activities;
using Omoai.Transcripts.Models;

namespace Omoai.Transcripts.Tests;

public sealed class ModelManifestTests
{
    private const string Hash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    [Fact]
    public void A_file_with_its_size_and_hash_is_read()
    {
        var manifest = Read($$"""{ "bytes": 0, "sha256": "{{Hash}}" }""");

        Assert.Equal(new ModelFile(0, Hash), manifest.Files["model.onnx"]);
        manifest.Verify(_ => new MemoryStream());
    }

    [Theory]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("{ \"bytes\": 0, \"sha256\": null }")]
    [InlineData("{ \"bytes\": 0, \"sha256\": \"e3b0\" }")]
    [InlineData("{ \"bytes\": 0, \"sha256\": \"z3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\" }")]
    [InlineData("{ \"bytes\": -1, \"sha256\": \"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\" }")]
    public void A_file_without_them_is_refused(string file) =>
        Assert.Throws<MissingRequirementException>(() => Read(file));

    private static ModelManifest Read(string file) => ModelManifest.Read(new MemoryStream(Encoding.UTF8.GetBytes(
        $$"""
        {
          "schema": 1, "name": "m", "kind": "punctuation", "language": "en", "licence": "MIT",
          "files": { "model.onnx": {{file}} }
        }
        """)));
}
