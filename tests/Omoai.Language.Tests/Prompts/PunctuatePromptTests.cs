using Omoai.Language.Prompts;
using Omoai.Transcripts.Activities;

namespace Omoai.Language.Tests.Prompts;

public sealed class PunctuatePromptTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("omoai-prompts-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(null, "You restore")]
    [InlineData("en-GB", "You restore")]
    [InlineData("de", "You restore")]
    [InlineData("vi", "Bạn khôi phục")]
    [InlineData("VI-vn", "Bạn khôi phục")]
    public void It_is_shipped_in_English_and_Vietnamese(string? language, string beginning)
    {
        var prompt = PromptTemplate.Load(null, "punctuate", language).Fill(7, new Dictionary<string, string> { ["text"] = "xin chào" });
        Assert.StartsWith(beginning, prompt.System, StringComparison.Ordinal);
        Assert.Contains("<transcript>", prompt.System, StringComparison.Ordinal);
        Assert.Equal("<transcript>\nxin chào\n</transcript>", prompt.User);
        Assert.Equal(7, prompt.MaxReplyTokens);
    }

    [Fact]
    public void A_file_takes_its_place_in_its_language()
    {
        File.WriteAllText(Path.Combine(_folder, "punctuate.vi.txt"), "Chấm câu.\r\n=== user ===\r\n{{text}}");
        var values = new Dictionary<string, string> { ["text"] = "a" };
        Assert.Equal("Chấm câu.", PromptTemplate.Load(_folder, "punctuate", "vi").Fill(1, values).System);
        Assert.StartsWith("You restore", PromptTemplate.Load(_folder, "punctuate", "en").Fill(1, values).System, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("No user.\n{{text}}", "=== user ===")]
    [InlineData("Do.\n=== user ===\nIt.", "{{text}} once, after it")]
    [InlineData("Do.\n=== user ===\n{{text}} and {{text}}", "{{text}} once, after it")]
    [InlineData("Do {{text}}.\n=== user ===\n{{text}}", "{{text}} once, after it")]
    [InlineData("Do.\n=== user ===\n{{text}} {{langauge}}", "has {{langauge}}, which stands for nothing: {{text}}, {{language}} do.")]
    [InlineData("Do in {{ language }}.\n=== user ===\n{{text}}", "has {{ language }}")]
    [InlineData("Do.\n=== user ===\n{{text}} {{points}}", "has {{points}}")]
    public void A_file_that_can_not_be_filled_in_is_refused(string content, string problem)
    {
        File.WriteAllText(Path.Combine(_folder, "punctuate.en.txt"), content);
        var e = Assert.Throws<MissingRequirementException>(() => PromptTemplate.Load(_folder, "punctuate", "en", "language"));
        Assert.Contains(problem, e.Message, StringComparison.Ordinal);
        Assert.Contains("punctuate.en.txt", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_that_is_not_there_is_missed() => Assert.Contains(
        "Omoai:Llm:Prompts",
        Assert.Throws<MissingRequirementException>(() => PromptTemplate.Load(Path.Combine(_folder, "other"), "punctuate", "en")).Message,
        StringComparison.Ordinal);
}
