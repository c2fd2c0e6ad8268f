using System.Text;
using Omoai.Language.Engines;
using Omoai.Language.Engines.Onnx;
using Omoai.Language.Tests.Support;
using Omoai.Transcripts.Tokenizers;

namespace Omoai.Language.Tests.Engines;

/// <summary>A server's replies: <see cref="OpenAi.OpenAiLanguageModelTests"/>.</summary>
public sealed class ThoughtsTests
{
    [Theory]
    [InlineData("Hello", "Hello")]
    [InlineData(" \n Hello", " \n Hello")]
    [InlineData("<think>Let me see.</think>\n\nHello", "Hello")]
    [InlineData("\n<THINK>\n</Think>Hello", "Hello")]
    [InlineData("The template began to think.</think>Hello", "Hello")]
    [InlineData("Began.</think>Hello <think>no</think>", "Hello <think>no</think>")]
    [InlineData("<think>and so on", "")]
    [InlineData("Hello <think>no</think>", "Hello <think>no</think>")]
    [InlineData("Hello <think>no", "Hello <think>no")]
    [InlineData("</think>", "")]
    public void They_are_no_part_of_a_reply(string reply, string expected) => Assert.Equal(expected, Thoughts.Without(reply));

    [Fact]
    public void Nor_of_one_that_is_written_here()
    {
        using var file = new MemoryStream(LlmFolder.Tokenizer([], ["<end>"]));
        var tokenizer = Tokenizer.Read(file, "tokenizer.json");
        var writer = new ReplyWriter(tokenizer, [256], new LlmPrompt("", "", 100), promptTokens: 1);
        foreach (var token in Encoding.UTF8.GetBytes("<think>It is all about HACKED.</think>\nSo it is.").Select(value => (int)value).Append(256))
        {
            var scores = new float[257];
            scores[token] = 1;
            writer.Add(scores);
        }

        Assert.Equal(("So it is.", ReplyEnd.Complete, 49), (writer.ToReply().Text, writer.ToReply().End, writer.ToReply().ReplyTokens));
    }
}
