using System.ComponentModel.DataAnnotations;
using Omoai.Transcripts.Activities;

namespace Omoai.Pipeline.Models;

/// <summary>Section <c>Omoai:Llm</c>: the language model, and how it is used; see <see cref="LlmSettings"/>.</summary>
public sealed class LlmOptions : IValidatableObject
{
    public const string Section = "Omoai:Llm";

    /// <summary>The language model of jobs that name none: an installed one, or the server's. Null takes the server's, where there is one.</summary>
    public string? Model { get; set; }

    /// <summary>Tokens that prompt and reply may have together; null takes an installed model's own, and 4,096 of a server.</summary>
    [Range(256, 1 << 20, ErrorMessage = $"{Section}:{nameof(ContextTokens)} must be between 256 and 1048576.")]
    public int? ContextTokens { get; set; }

    /// <summary>Prompts that are with the server, or in a batch, at the same time.</summary>
    [Range(1, 256, ErrorMessage = $"{Section}:{nameof(Concurrency)} must be between 1 and 256.")]
    public int Concurrency { get; set; } = 4;

    /// <summary>How long a server may take for one reply.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "01:00:00", ParseLimitsInInvariantCulture = true,
        ErrorMessage = $"{Section}:{nameof(RequestTimeout)} must be between 1 second and 1 hour.")]
    public TimeSpan RequestTimeout { get; set; } = TimeSpan.FromMinutes(2);

    /// <summary>Attempts after the first one at a request that failed in a way that another can help.</summary>
    [Range(0, 10, ErrorMessage = $"{Section}:{nameof(MaxRetries)} must be between 0 and 10.")]
    public int MaxRetries { get; set; } = 4;

    /// <summary>Whether a server is asked for replies that keep to a JSON schema.</summary>
    public bool JsonSchema { get; set; } = true;

    /// <summary>Sampling temperature of summaries; 0 takes the likeliest token each time.</summary>
    [Range(0d, 2d, ErrorMessage = $"{Section}:{nameof(Temperature)} must be between 0 and 2.")]
    public double Temperature { get; set; }

    /// <summary>Sampling takes the likeliest tokens that have this probability together.</summary>
    [Range(0.001, 1, ErrorMessage = $"{Section}:{nameof(TopP)} must be between 0.001 and 1.")]
    public double TopP { get; set; } = 1;

    /// <summary>Seed of sampling.</summary>
    public int Seed { get; set; } = 1;

    /// <summary>A word may be spelt anew with at most this many edits of characters, where the job doesn't say; 0 keeps every word.</summary>
    [Range(0, TranscriptionOptions.MaxSpellingEdits, ErrorMessage = $"{Section}:{nameof(MaxSpellingEdits)} must be between 0 and 4.")]
    public int MaxSpellingEdits { get; set; }

    /// <summary>What happens to a key point that what it cites doesn't bear out: <c>mark</c> or <c>drop</c>.</summary>
    [EnumDataType(typeof(UnsupportedPolicy), ErrorMessage = $"{Section}:{nameof(Unsupported)} must be mark or drop.")]
    public UnsupportedPolicy Unsupported { get; set; } = UnsupportedPolicy.Mark;

    /// <summary>A folder whose files replace the prompts of the same names; null for those that are shipped.</summary>
    public string? Prompts { get; set; }

    /// <summary>The <c>tokenizer.json</c> that a server's tokens are counted with; null takes each byte for a token.</summary>
    public string? Tokenizer { get; set; }

    /// <summary>A server that somebody else runs.</summary>
    public OpenAiOptions OpenAi { get; } = new();

    /// <summary>A server that is run beside this program.</summary>
    public VllmOptions Vllm { get; } = new();

    /// <summary>The server that there is, and what it calls its model; null where none is configured.</summary>
    public (Uri Endpoint, string Model)? Server =>
        Vllm.IsConfigured ? (Vllm.Endpoint, Vllm.ServedName)
        : OpenAi.EndpointUri is { } endpoint ? (endpoint, OpenAi.Model!)
        : null;

    /// <summary>What a job keeps to.</summary>
    /// <param name="asked">What was asked for.</param>
    /// <param name="models">Where the model is looked up. An installed one goes before the server's of the same name.</param>
    /// <returns>Null where it asks for no language model.</returns>
    /// <exception cref="MissingRequirementException">It asks for one, and there is none.</exception>
    public LlmSettings? ToSettings(TranscriptionOptions asked, ModelCatalog models) =>
        asked.Punctuation == PunctuationMethod.Llm || asked.Summary == SummaryMethod.Llm ? Find(asked.Llm, asked.SpellingEdits, models) : null;

    /// <summary>A language model and how it is used.</summary>
    /// <param name="asked">Its name; null for the configured one.</param>
    /// <param name="spellingEdits">As <see cref="MaxSpellingEdits"/>; null for the configured number.</param>
    /// <param name="models">Where it is looked up.</param>
    /// <exception cref="MissingRequirementException">There is none.</exception>
    public LlmSettings Find(string? asked, int? spellingEdits, ModelCatalog models)
    {
        var name = asked ?? OrNull(Model) ?? Server?.Model ?? throw new MissingRequirementException(
            $"A language model is asked for and none is configured: name an installed one with {Section}:{nameof(Model)}, or a server with {OpenAiOptions.Section}:{nameof(OpenAiOptions.Endpoint)} (docs/language.md).");
        var server = models.TryFindLlm(name) is null ? Server : null;
        if (server is { } other && other.Model != name)
        {
            throw new MissingRequirementException(
                $"There is no language model '{name}': none of that name is installed (`omoai models list`), and the configured server has '{other.Model}'.");
        }

        return new LlmSettings(server is null ? LlmEngine.Onnx : LlmEngine.OpenAi, server is null ? models.FindLlm(name).Manifest!.Name : name)
        {
            Endpoint = server?.Endpoint,
            ContextTokens = server is null ? ContextTokens : Smaller(ContextTokens, Vllm.IsConfigured ? Vllm.ContextTokens : null),
            // The host has another working directory.
            Tokenizer = server is not null && OrNull(Tokenizer) is { } tokenizer ? Path.GetFullPath(tokenizer) : null,
            Concurrency = Concurrency,
            RequestTimeout = RequestTimeout,
            MaxRetries = MaxRetries,
            JsonSchema = JsonSchema,
            Temperature = Temperature,
            TopP = TopP,
            Seed = Seed,
            MaxSpellingEdits = spellingEdits ?? MaxSpellingEdits,
            Unsupported = Unsupported,
            PromptFolder = OrNull(Prompts) is { } prompts ? Path.GetFullPath(prompts) : null,
        };
    }

    /// <summary>The token for the server of a job; null where there is none, and for every other server than the configured one.</summary>
    public string? TokenFor(LlmSettings? settings) =>
        settings is { Engine: LlmEngine.OpenAi, Endpoint: { } endpoint } && OpenAi.EndpointUri?.AbsoluteUri == endpoint.AbsoluteUri
            ? OrNull(OpenAi.Token?.Trim()) : null;

    // No message repeats what may be a secret.
    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (OpenAi.EndpointUri is not null && Vllm.IsConfigured)
        {
            yield return new(
                $"{OpenAiOptions.Section}:{nameof(OpenAiOptions.Endpoint)} and {VllmOptions.Section}:{nameof(VllmOptions.Model)} are two servers; set one of them.");
        }

        if (OrNull(Prompts) is { } prompts && !Directory.Exists(Path.GetFullPath(prompts)))
        {
            yield return new($"{Section}:{nameof(Prompts)} must name a folder that is there.");
        }

        // The framework looks at no options inside options.
        var problems = new List<ValidationResult>();
        Validator.TryValidateObject(OpenAi, new ValidationContext(OpenAi), problems, validateAllProperties: true);
        Validator.TryValidateObject(Vllm, new ValidationContext(Vllm), problems, validateAllProperties: true);
        foreach (var problem in problems)
        {
            yield return problem;
        }
    }

    internal static string? OrNull(string? setting) => string.IsNullOrEmpty(setting) ? null : setting;

    private static int? Smaller(int? a, int? b) => a is { } one && b is { } other ? Math.Min(one, other) : a ?? b;
}

/// <summary>Section <c>Omoai:Llm:OpenAi</c>: a server with OpenAI's chat completions.</summary>
public sealed class OpenAiOptions : IValidatableObject
{
    public const string Section = $"{LlmOptions.Section}:OpenAi";

    /// <summary>Its base address, such as <c>https://example.com/v1</c>; null for none.</summary>
    public string? Endpoint { get; set; }

    /// <summary>What it calls its model.</summary>
    public string? Model { get; set; }

    /// <summary>What it is shown as bearer token, whatever white space is around it; null for nothing. A secret.</summary>
    public string? Token { get; set; }

    internal Uri? EndpointUri =>
        LlmOptions.OrNull(Endpoint) is { } text && Uri.TryCreate(text, UriKind.Absolute, out var uri) ? uri : null;

    // No message repeats the address, which may have a password in it, or the token.
    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (LlmOptions.OrNull(Endpoint) is not null)
        {
            if (EndpointUri is not { Scheme: "http" or "https", UserInfo: "", Query: "", Fragment: "" })
            {
                yield return new($"{Section}:{nameof(Endpoint)} must be an http or https URL without a user, a query or a fragment.");
            }

            if (LlmOptions.OrNull(Model) is null)
            {
                yield return new($"{Section}:{nameof(Model)} must say what the server calls its model.");
            }
        }
        else if ((LlmOptions.OrNull(Model) is not null ? nameof(Model) : LlmOptions.OrNull(Token) is not null ? nameof(Token) : null) is { } alone)
        {
            yield return new($"{Section}:{alone} is of a server, and none is named: set {Section}:{nameof(Endpoint)}, too.");
        }

        // A file or a vault often has a line's end after it.
        if (Token?.Trim().Any(character => character is <= ' ' or > '~') == true)
        {
            yield return new($"{Section}:{nameof(Token)} must be printable ASCII without spaces.");
        }
    }
}

/// <summary>Section <c>Omoai:Llm:Vllm</c>: a vLLM server that runs beside this program, for as long as it does.</summary>
public sealed class VllmOptions : IValidatableObject
{
    public const string Section = $"{LlmOptions.Section}:Vllm";

    // Where vLLM takes a secret from its command line, which everybody on the machine can read.
    private static readonly string[] SecretArguments = ["--api-key", "--hf-token"];

    /// <summary>The model: a folder, or a name on Hugging Face's hub; null for no server. A path begins with <c>/</c> or <c>.</c>.</summary>
    public string? Model { get; set; }

    /// <summary>The program: a path, or a name that is looked for in <c>PATH</c>.</summary>
    [Required(ErrorMessage = $"{Section}:{nameof(Program)} must name a program.")]
    public string Program { get; set; } = "vllm";

    /// <summary>Where it listens, on this machine alone.</summary>
    [Range(1, 65535, ErrorMessage = $"{Section}:{nameof(Port)} must be between 1 and 65535.")]
    public int Port { get; set; } = 8000;

    /// <summary>The share of the GPU's memory that it takes.</summary>
    [Range(0.05, 1, ErrorMessage = $"{Section}:{nameof(MemoryShare)} must be between 0.05 and 1.")]
    public double MemoryShare { get; set; } = 0.9;

    /// <summary>Tokens that prompt and reply may have together; null leaves them to vLLM, and counts on as many as <see cref="LlmOptions.ContextTokens"/>.</summary>
    [Range(256, 1 << 20, ErrorMessage = $"{Section}:{nameof(ContextTokens)} must be between 256 and 1048576.")]
    public int? ContextTokens { get; set; }

    /// <summary>How the weights are quantised, such as <c>awq</c>; null for what the model says.</summary>
    public string? Quantization { get; set; }

    /// <summary>The type of weights and activations, such as <c>bfloat16</c>; null for what the model says.</summary>
    public string? DataType { get; set; }

    /// <summary>Prompts that it works on at the same time; null for its own default.</summary>
    [Range(1, 65536, ErrorMessage = $"{Section}:{nameof(MaxSequences)} must be between 1 and 65536.")]
    public int? MaxSequences { get; set; }

    /// <summary>GPU memory that it counts for among the hosts, MiB.</summary>
    [Range(0, 1 << 24, ErrorMessage = $"{Section}:{nameof(MemoryMb)} must be between 0 and 16777216.")]
    public int MemoryMb { get; set; }

    /// <summary>How long it may take to load its model and answer.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "02:00:00", ParseLimitsInInvariantCulture = true,
        ErrorMessage = $"{Section}:{nameof(StartTimeout)} must be between 0.1 seconds and 2 hours.")]
    public TimeSpan StartTimeout { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>More arguments, as they are. Everybody on the machine can read them.</summary>
    public IList<string> Arguments { get; } = [];

    /// <summary>Whether there is to be one.</summary>
    public bool IsConfigured => !string.IsNullOrEmpty(Model);

    /// <summary>Its base address.</summary>
    public Uri Endpoint => new($"{Root}/v1");

    /// <summary>What it calls its model: the name of the folder, or the name on the hub.</summary>
    public string ServedName => Folder is { } folder ? Path.GetFileName(folder) : Model!;

    internal Uri Health => new($"{Root}/health");

    /// <summary>The model's folder; null where it is a name on the hub.</summary>
    public string? Folder =>
        IsConfigured && (Path.IsPathRooted(Model!) || Model!.StartsWith('.')) ? Path.TrimEndingDirectorySeparator(Path.GetFullPath(Model)) : null;

    private string Root => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"http://127.0.0.1:{Port}");

    // No message repeats an argument.
    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        for (var i = 0; i < Arguments.Count; i++)
        {
            if (SecretArguments.Contains(Arguments[i].Split('=')[0].Replace('_', '-')))
            {
                yield return new($"{Section}:{nameof(Arguments)}:{i} is for a secret, and everybody on the machine can read arguments.");
            }
        }

        if (Arguments.Append(Model).Append(Program).Any(text => text?.Contains('\0', StringComparison.Ordinal) == true))
        {
            yield return new($"{Section} holds a zero character.");
        }
    }
}
