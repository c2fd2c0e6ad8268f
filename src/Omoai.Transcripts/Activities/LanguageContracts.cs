namespace Omoai.Transcripts.Activities;

/// <summary>How words get case and punctuation.</summary>
public enum PunctuationMethod
{
    /// <summary>By the small punctuation model.</summary>
    Model,

    /// <summary>By a language model; by the small model where its reply can't be used.</summary>
    Llm,

    /// <summary>Not at all.</summary>
    None,
}

/// <summary>What runs a language model.</summary>
public enum LlmEngine
{
    /// <summary>ONNX Runtime, in the activity host.</summary>
    Onnx,

    /// <summary>A server with OpenAI's chat completions, such as vLLM, llama.cpp's or Azure OpenAI.</summary>
    OpenAi,
}

/// <summary>What happens to a key point that what it cites doesn't bear out.</summary>
public enum UnsupportedPolicy
{
    /// <summary>It stays, and says so.</summary>
    Mark,

    /// <summary>It is left out.</summary>
    Drop,
}

/// <summary>A language model and how it is used. Never holds a secret: it is kept with the job.</summary>
/// <param name="Engine">What runs it.</param>
/// <param name="Model">Its name: that of an installed model, or what the server calls it.</param>
public sealed record LlmSettings(LlmEngine Engine, string Model)
{
    /// <summary>The server's base address, such as <c>http://127.0.0.1:8000/v1</c>; for <see cref="LlmEngine.OpenAi"/> only.</summary>
    public Uri? Endpoint { get; init; }

    /// <summary>Tokens that prompt and reply may have together, 256 to 2^20; null takes the installed model's own, and 4,096 of a server.</summary>
    public int? ContextTokens { get; init; }

    /// <summary>Path of the <c>tokenizer.json</c> that a server's tokens are counted with; null takes each byte for a token, which is never too few.</summary>
    public string? Tokenizer { get; init; }

    /// <summary>Prompts that are with the server, or in a batch, at the same time; 1 to 256.</summary>
    public int Concurrency { get; init; } = 4;

    /// <summary>How long a server may take for one reply.</summary>
    public TimeSpan RequestTimeout { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>Attempts after the first one at a request that failed in a way that another can help, 0 to 10.</summary>
    public int MaxRetries { get; init; } = 4;

    /// <summary>Whether the server is asked for replies that keep to a JSON schema.</summary>
    public bool JsonSchema { get; init; } = true;

    /// <summary>Sampling temperature of summaries, 0 (the likeliest token each time) to 2; that of punctuation is 0.</summary>
    public double Temperature { get; init; }

    /// <summary>Sampling takes the likeliest tokens that have this probability together; more than 0, to 1.</summary>
    public double TopP { get; init; } = 1;

    /// <summary>Seed of sampling.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>A word may be spelt anew with at most this many edits of characters, 0 to 4; 0 keeps every word as recognised.</summary>
    public int MaxSpellingEdits { get; init; }

    /// <summary>What happens to a key point that what it cites doesn't bear out.</summary>
    public UnsupportedPolicy Unsupported { get; init; } = UnsupportedPolicy.Mark;

    /// <summary>A folder whose files replace the prompts of the same names; null for those that are shipped.</summary>
    public string? PromptFolder { get; init; }
}
