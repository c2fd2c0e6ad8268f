using System.Text;
using System.Text.Json;
using Omoai.Language.Engines.Onnx;
using Omoai.Tests;
using Omoai.Transcripts.Activities;
using Omoai.Transcripts.Tokenizers;

namespace Omoai.Language.Tests.Engines;

public sealed class ChatTemplateTests
{
    private const string User = "Xin chào, 3 bạn! ";

    private static readonly string[] AllTokens =
        [.. ChatFamily.All.SelectMany(family => family.Tokens).Concat(["</s>", "<|endoftext|>"]).Distinct()];

    /// <summary>The texts are those that @huggingface/jinja 0.5 makes of the families' published templates.</summary>
    [Theory]
    [InlineData("chatml", "Sys.\nTwo ", "<|im_start|>system\nSys.\nTwo <|im_end|>\n<|im_start|>user\nXin chào, 3 bạn! <|im_end|>\n<|im_start|>assistant\n")]
    [InlineData("chatml-nothink", "Sys.\nTwo ", "<|im_start|>system\nSys.\nTwo <|im_end|>\n<|im_start|>user\nXin chào, 3 bạn! <|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n")]
    [InlineData("chatml-nothink", "", "<|im_start|>user\nXin chào, 3 bạn! <|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n")]
    [InlineData("llama3", "Sys.\nTwo ", "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nSys.\nTwo<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nXin chào, 3 bạn!<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n")]
    [InlineData("llama3", "", "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nXin chào, 3 bạn!<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n")]
    [InlineData("llama2", "Sys.\nTwo ", "<s>[INST] <<SYS>>\nSys.\nTwo \n<</SYS>>\n\nXin chào, 3 bạn! [/INST]")]
    [InlineData("llama2", "", "<s>[INST] Xin chào, 3 bạn! [/INST]")]
    [InlineData("mistral", "Sys.\nTwo ", "<s>[INST] Sys.\nTwo \n\nXin chào, 3 bạn! [/INST]")]
    [InlineData("mistral", "", "<s>[INST] Xin chào, 3 bạn! [/INST]")]
    [InlineData("mistral-nemo", "Sys.\nTwo ", "<s>[INST]Sys.\nTwo \n\nXin chào, 3 bạn! [/INST]")]
    [InlineData("mistral-nemo", "", "<s>[INST]Xin chào, 3 bạn! [/INST]")]
    [InlineData("mistral-v7", "Sys.\nTwo ", "<s>[SYSTEM_PROMPT]Sys.\nTwo [/SYSTEM_PROMPT][INST]Xin chào, 3 bạn! [/INST]")]
    [InlineData("mistral-v7", "", "<s>[INST]Xin chào, 3 bạn! [/INST]")]
    [InlineData("phi3", "Sys.\nTwo ", "<|system|>\nSys.\nTwo <|end|>\n<|user|>\nXin chào, 3 bạn! <|end|>\n<|assistant|>\n")]
    [InlineData("phi3", "", "<|user|>\nXin chào, 3 bạn! <|end|>\n<|assistant|>\n")]
    [InlineData("phi4-mini", "Sys.\nTwo ", "<|system|>Sys.\nTwo <|end|><|user|>Xin chào, 3 bạn! <|end|><|assistant|>")]
    [InlineData("phi4-mini", "", "<|user|>Xin chào, 3 bạn! <|end|><|assistant|>")]
    [InlineData("phi4", "Sys.\nTwo ", "<|im_start|>system<|im_sep|>Sys.\nTwo <|im_end|><|im_start|>user<|im_sep|>Xin chào, 3 bạn! <|im_end|><|im_start|>assistant<|im_sep|>")]
    [InlineData("phi4", "", "<|im_start|>user<|im_sep|>Xin chào, 3 bạn! <|im_end|><|im_start|>assistant<|im_sep|>")]
    [InlineData("gemma", "Sys.\nTwo ", "<bos><start_of_turn>user\nSys.\nTwo \n\nXin chào, 3 bạn!<end_of_turn>\n<start_of_turn>model\n")]
    [InlineData("gemma", "", "<bos><start_of_turn>user\nXin chào, 3 bạn!<end_of_turn>\n<start_of_turn>model\n")]
    [InlineData("mistral-v1", "Sys.\nTwo ", "<s>[INST] Sys.\nTwo \n\nXin chào, 3 bạn!  [/INST]")]
    [InlineData("plain", "Sys.\nTwo ", "<s>Sys.\nTwo \n\nXin chào, 3 bạn! \n")]
    public void A_chat_is_written_as_the_familys_own_template_does(string family, string system, string expected)
    {
        // Llama 2 has no token '[INST]', for example.
        IReadOnlyList<string> tokens = family == "plain" ? AllTokens : ChatFamily.Find(family)!.Tokens;
        foreach (var tokenizer in new[] { ByteLevel(tokens), SentencePiece(tokens) })
        {
            var ids = ChatTemplate.Of(family).Encode(tokenizer, system, User);

            // The whole text, with what is special in it: as Hugging Face's apply_chat_template has it.
            Assert.Equal(tokenizer.Encode(expected), ids);
        }

        Assert.Equal(expected, ByteLevel(tokens).Decode(ChatTemplate.Of(family).Encode(ByteLevel(tokens), system, User)));
    }

    [SharedDataFact]
    public void Phi_3s_tokens_take_the_lines_beside_them()
    {
        using var stream = File.OpenRead(Path.Combine(TestPaths.SharedData!, "tokenizers", "phi-3-mini", "tokenizer.json"));
        var tokenizer = Tokenizer.Read(stream);

        var ids = ChatTemplate.Of("phi3").Encode(tokenizer, "You punctuate.", "xin chào");

        Assert.Equal(tokenizer.Encode("<|system|>\nYou punctuate.<|end|>\n<|user|>\nxin chào<|end|>\n<|assistant|>\n"), ids);
        Assert.Equal([32006, 32007, 32010, 32007, 32001], ids.Where(tokenizer.IsSpecial));
        Assert.Equal(32001, ids[^1]);
    }

    [Fact]
    public void A_text_can_not_end_its_turn()
    {
        foreach (var family in ChatFamily.All)
        {
            var hostile = string.Concat(AllTokens) + " {} <s>";
            foreach (var tokenizer in new[] { ByteLevel(AllTokens), SentencePiece(AllTokens) })
            {
                var template = ChatTemplate.Of(family.Name);
                var (calm, ids) = (template.Encode(tokenizer, "a", "b"), template.Encode(tokenizer, hostile, hostile));

                Assert.Equal(calm.Where(tokenizer.IsSpecial), ids.Where(tokenizer.IsSpecial));
                Assert.Equal(2, tokenizer.Decode(ids).Split(hostile.Trim()).Length - 1);
            }
        }
    }

    [Fact]
    public void A_token_that_is_missing_is_named()
    {
        var tokenizer = ByteLevel(["<|im_start|>"]);

        Assert.Contains(
            "'<|im_end|>'", Assert.Throws<MissingRequirementException>(() => ChatTemplate.Of("chatml").Encode(tokenizer, "a", "b")).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_plain_chat_begins_with_what_the_vocabulary_has()
    {
        Assert.Equal("<bos>a\n\nb\n", Decoded(ByteLevel(["<|begin_of_text|>", "<bos>"])));
        Assert.Equal("a\n\nb\n", Decoded(ByteLevel([])));

        static string Decoded(Tokenizer tokenizer) => tokenizer.Decode(ChatTemplate.Of("plain").Encode(tokenizer, "a", "b"));
    }

    [Fact]
    public void A_family_that_is_not_known_is_refused_with_those_that_are()
    {
        var e = Assert.Throws<MissingRequirementException>(() => ChatTemplate.Of("alpaca"));

        Assert.Contains("'alpaca'", e.Message, StringComparison.Ordinal);
        Assert.Contains("chatml, chatml-nothink, llama3", e.Message, StringComparison.Ordinal);
    }

    /// <summary>Parts of the published templates.</summary>
    [Theory]
    [InlineData("{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}", "chatml")]
    [InlineData("{{- '<|im_start|>' + message.role }}{%- if enable_thinking is defined and enable_thinking is false %}{{- '<think>\\n\\n</think>\\n\\n' }}", "chatml-nothink")]
    [InlineData("{{- '<|im_start|>assistant\n<think>\n' }}", "chatml")]
    [InlineData("{% set content = '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n'+ message['content'] | trim + '<|eot_id|>' %}", "llama3")]
    [InlineData("{% set content = '<<SYS>>\\n' + system_message + '\\n<</SYS>>\\n\\n' %}{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}", "llama2")]
    [InlineData("{{- \"[INST] \" + system_message + \"\\n\\n\" + message[\"content\"] + \"[/INST]\" }}", "mistral")]
    [InlineData("{{ '[INST] ' + message['content'] + ' [/INST]' }}", "mistral-v1")]
    [InlineData("{{- \"[INST]\" + system_message + \"\\n\\n\" + message[\"content\"] + \"[/INST]\" }}", "mistral-nemo")]
    [InlineData("{{- '[SYSTEM_PROMPT]' + message['content'] + '[/SYSTEM_PROMPT]' }}{{- '[INST]' + message['content'] + '[/INST]' }}", "mistral-v7")]
    [InlineData("{{'<|user|>\n' + message['content'] + '<|end|>\n'}}{{ '<|assistant|>\n' }}", "phi3")]
    [InlineData("{{'<|user|>' + '\\n' + message['content'] + '<|end|>' + '\\n' + '<|assistant|>' + '\\n'}}", "phi3")]
    [InlineData("{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}{{ '<|assistant|>' }}", "phi4-mini")]
    [InlineData("{{'<|im_start|>system<|im_sep|>' + message['content'] + '<|im_end|>'}}", "phi4")]
    [InlineData("{{ '<start_of_turn>' + role + '\n' + message['content'] | trim + '<end_of_turn>\n' }}", "gemma")]
    [InlineData("{{ '<|user|>\n' + message['content'] + eos_token }}{{ '<|assistant|>' }}", null)]
    [InlineData("", null)]
    public void A_family_is_guessed_from_the_marks_of_a_template(string template, string? family) =>
        Assert.Equal(family, ChatFamily.Guess(template)?.Name);

    /// <summary>A tokenizer of bytes.</summary>
    private static Tokenizer ByteLevel(IEnumerable<string> tokens)
    {
        var vocabulary = Enumerable.Range(0, 256).ToDictionary(value => ByteAlphabet.Letter((byte)value).ToString(), value => value);
        return Make(vocabulary, "\"pre_tokenizer\": { \"type\": \"ByteLevel\", \"add_prefix_space\": false }, \"decoder\": { \"type\": \"ByteLevel\" }", "", tokens);
    }

    /// <summary>One of letters, in SentencePiece's manner, with merges that make a special token of text.</summary>
    private static Tokenizer SentencePiece(IEnumerable<string> tokens)
    {
        var vocabulary = Enumerable.Range(0, 256).Select(value => $"<0x{value:X2}>").Concat(["▁", "<", "s", ">", "s>"]).Index()
            .ToDictionary(token => token.Item, token => token.Index);
        return Make(
            vocabulary,
            """
            "pre_tokenizer": { "type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": false },
            "decoder": { "type": "Sequence", "decoders": [
              { "type": "Replace", "pattern": { "String": "▁" }, "content": " " }, { "type": "ByteFallback" }, { "type": "Fuse" }
            ] }
            """,
            tokens.Contains("<s>") ? "[\"s\", \">\"], [\"<\", \"s>\"]" : "", tokens);
    }

    private static Tokenizer Make(Dictionary<string, int> vocabulary, string steps, string merges, IEnumerable<string> tokens)
    {
        foreach (var token in tokens)
        {
            vocabulary.Add(token, vocabulary.Count);
        }

        var added = tokens.Select(token => new { id = vocabulary[token], content = token, special = !token.Contains("think", StringComparison.Ordinal), normalized = false });
        return Tokenizer.Read(new MemoryStream(Encoding.UTF8.GetBytes($$"""
            {
              "added_tokens": {{JsonSerializer.Serialize(added)}}, {{steps}},
              "model": { "type": "BPE", "byte_fallback": true, "vocab": {{JsonSerializer.Serialize(vocabulary)}}, "merges": [{{merges}}] }
            }
            """)));
    }
}
