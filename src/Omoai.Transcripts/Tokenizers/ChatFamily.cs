namespace Omoai.Transcripts.Tokenizers;

/// <summary>
/// How a family of language models writes a chat of one turn: what the model is to do, what it is to do that with, and the
/// beginning of its reply. As the family's published Jinja template has it, with <c>add_generation_prompt</c>; <c>{}</c> stands for
/// the text.
/// </summary>
/// <param name="Name">As in <c>model.json</c>.</param>
/// <param name="Tokens">What of <paramref name="Start"/>, <paramref name="System"/> and <paramref name="User"/> are tokens of the vocabulary.</param>
/// <param name="Start">What it begins with.</param>
/// <param name="System">What the model is to do; left out where that is empty. Families without a system role have it before the user's text.</param>
/// <param name="User">What it is to do that with, and what the reply comes after.</param>
/// <param name="EndOfTurn">The token that ends a reply; null where it is the model's own only.</param>
public sealed record ChatFamily(string Name, IReadOnlyList<string> Tokens, string Start, string System, string User, string? EndOfTurn)
{
    /// <summary>White space at the ends of the system's text is cut off.</summary>
    public bool TrimSystem { get; init; }

    /// <summary>White space at the ends of the user's text is cut off.</summary>
    public bool TrimUser { get; init; }

    /// <summary>It begins with the first of these that the vocabulary has.</summary>
    public IReadOnlyList<string> OptionalStart { get; init; } = [];

    /// <summary>The families that this version knows.</summary>
    public static IReadOnlyList<ChatFamily> All { get; } =
    [
        // Qwen 2 and 2.5, SmolLM 2, Yi.
        new("chatml", ["<|im_start|>", "<|im_end|>"], "", "<|im_start|>system\n{}<|im_end|>\n",
            "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n", "<|im_end|>"),
        // Qwen 3 with enable_thinking=false: it has thought already, nothing.
        new("chatml-nothink", ["<|im_start|>", "<|im_end|>", "<think>", "</think>"], "", "<|im_start|>system\n{}<|im_end|>\n",
            "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n", "<|im_end|>"),
        // Llama 3's. Those of 3.1 and 3.2 write today's date before the system's text, with which no reply would come twice.
        new("llama3", ["<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"], "<|begin_of_text|>",
            "<|start_header_id|>system<|end_header_id|>\n\n{}<|eot_id|>",
            "<|start_header_id|>user<|end_header_id|>\n\n{}<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n", "<|eot_id|>")
        {
            TrimSystem = true,
            TrimUser = true,
        },
        new("llama2", ["<s>"], "<s>[INST] ", "<<SYS>>\n{}\n<</SYS>>\n\n", "{} [/INST]", "</s>") { TrimUser = true },
        // 7B-Instruct v0.3 and others of SentencePiece tokenizers with control tokens.
        new("mistral", ["<s>", "[INST]", "[/INST]"], "<s>[INST] ", "{}\n\n", "{}[/INST]", "</s>"),
        // 7B-Instruct v0.1 and v0.2.
        new("mistral-v1", ["<s>"], "<s>[INST] ", "{}\n\n", "{} [/INST]", "</s>"),
        // Nemo and Ministral.
        new("mistral-nemo", ["<s>", "[INST]", "[/INST]"], "<s>[INST]", "{}\n\n", "{}[/INST]", "</s>"),
        // Small, since January 2025.
        new("mistral-v7", ["<s>", "[INST]", "[/INST]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]"], "<s>",
            "[SYSTEM_PROMPT]{}[/SYSTEM_PROMPT]", "[INST]{}[/INST]", "</s>"),
        new("phi3", ["<|system|>", "<|user|>", "<|assistant|>", "<|end|>"], "", "<|system|>\n{}<|end|>\n",
            "<|user|>\n{}<|end|>\n<|assistant|>\n", "<|end|>"),
        new("phi4-mini", ["<|system|>", "<|user|>", "<|assistant|>", "<|end|>"], "", "<|system|>{}<|end|>",
            "<|user|>{}<|end|><|assistant|>", "<|end|>"),
        new("phi4", ["<|im_start|>", "<|im_sep|>", "<|im_end|>"], "", "<|im_start|>system<|im_sep|>{}<|im_end|>",
            "<|im_start|>user<|im_sep|>{}<|im_end|><|im_start|>assistant<|im_sep|>", "<|im_end|>"),
        new("gemma", ["<bos>", "<start_of_turn>", "<end_of_turn>"], "<bos><start_of_turn>user\n", "{}\n\n",
            "{}<end_of_turn>\n<start_of_turn>model\n", "<end_of_turn>") { TrimUser = true },
        // For models that were trained for no chat.
        new("plain", [], "", "{}\n\n", "{}\n", null) { OptionalStart = ["<s>", "<bos>", "<|begin_of_text|>"] },
    ];

    /// <summary>The family of that name; null where there is none.</summary>
    public static ChatFamily? Find(string name) => All.FirstOrDefault(family => family.Name == name);

    /// <summary>The family of a Jinja template by the marks that it writes; null where they are no known family's. It isn't run.</summary>
    public static ChatFamily? Guess(string template)
    {
        bool Has(string text) => template.Contains(text, StringComparison.Ordinal);

        // A new line is written in a template as it is, or as an escape.
        bool HasLine(string text) => Has(text + "\n") || Has(text + "\\n");
        var name = Has("<|im_sep|>") ? "phi4"
            : Has("<|im_start|>") ? (Has("enable_thinking") && Has("<think>") ? "chatml-nothink" : "chatml")
            : Has("<|start_header_id|>") ? "llama3"
            : Has("<start_of_turn>") ? "gemma"
            : Has("<|end|>") && Has("<|assistant|>") ? (HasLine("<|end|>") || HasLine("<|end|>' + '") ? "phi3" : "phi4-mini")
            : Has("<<SYS>>") ? "llama2"
            : Has("[SYSTEM_PROMPT]") ? "mistral-v7"
            : Has("[INST] ") ? (Has(" [/INST]") ? "mistral-v1" : "mistral")
            : Has("[INST]") ? "mistral-nemo"
            : null;
        return name is null ? null : Find(name);
    }
}
