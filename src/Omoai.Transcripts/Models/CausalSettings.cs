namespace Omoai.Transcripts.Models;

/// <summary>A causal language model: a decoder with past keys and values, as Hugging Face's Optimum and onnxruntime-genai export it.</summary>
/// <param name="Model">File of the ONNX graph; what it names as external data must be among the files, too.</param>
/// <param name="Tokenizer">The <c>tokenizer.json</c>.</param>
/// <param name="ChatTemplate">How a chat is written: the name of a <see cref="Tokenizers.ChatFamily"/>, such as <c>chatml</c>.</param>
/// <param name="ContextTokens">Tokens that prompt and reply may have together.</param>
/// <param name="EndTokens">Ids of the tokens that end a reply; at least one.</param>
/// <param name="MaxBatch">Prompts that are run at once; 1 for graphs that can't be told which tokens pad.</param>
public sealed record CausalSettings(
    string Model, string Tokenizer, string ChatTemplate, int ContextTokens, IReadOnlyList<int> EndTokens, int MaxBatch = 8);
