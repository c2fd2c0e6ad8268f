using Omoai.Shared;
using Omoai.Transcripts.Activities;
using Omoai.Transcripts.Models;
using Omoai.Transcripts.Tokenizers;

namespace Omoai.Language.Engines.Onnx;

/// <summary>A causal language model run by ONNX Runtime in this process.</summary>
internal sealed class OnnxLanguageModel : ILanguageModel
{
    private const int MaxContextTokens = 1 << 20;
    private const int MaxBatchSize = 256;

    // More would save little time: 200 tokens of a vocabulary of 150,000 in one run keep a processor busy, and nearly a GPU. A merged graph,
    // which takes prompts whole, has 1 GiB.
    private const int LogitsBytes = 128 << 20;

    private readonly ModelManifest _manifest;
    private readonly CausalSettings _causal;
    private readonly Tokenizer _tokenizer;
    private readonly ChatEncoder _encode;
    private readonly CausalDecoder _decoder;
    private readonly int _templateTokens;

    private OnnxLanguageModel(
        ModelManifest manifest, CausalSettings causal, LlmSettings settings, Tokenizer tokenizer, ChatEncoder encode,
        CausalDecoder decoder)
    {
        (_manifest, _causal, _tokenizer, _encode, _decoder) = (manifest, causal, tokenizer, encode, decoder);
        ContextTokens = Math.Min(Math.Min(settings.ContextTokens ?? int.MaxValue, causal.ContextTokens), decoder.MostTokens);
        BatchSize = decoder.IsSingle ? 1 : Math.Max(1, Math.Min(settings.Concurrency, causal.MaxBatch));
        _templateTokens = encode(tokenizer, "", "").Length;
    }

    public string Name => _manifest.Name;

    public LlmEngine Engine => LlmEngine.Onnx;

    public int ContextTokens { get; }

    /// <summary>Prompts that run together, at most.</summary>
    internal int BatchSize { get; }

    public (string Name, string Reason)? Provider => (_decoder.Provider.Name, _decoder.Provider.Reason);

    /// <summary>Loads a model of kind <see cref="ModelKinds.Llm"/>.</summary>
    /// <param name="folder">Its folder.</param>
    /// <param name="settings">How it is used.</param>
    /// <param name="threads">Threads that run it on the processor; 0 for as many as there are.</param>
    /// <param name="cuda">How to use CUDA; null for its defaults.</param>
    /// <exception cref="MissingRequirementException">There is no whole, undamaged model, or it can't be run.</exception>
    /// <exception cref="OutOfMemoryException">The processor's memory or the GPU's is not enough, now.</exception>
    public static ILanguageModel Load(string folder, LlmSettings settings, int threads, CudaSettings? cuda) =>
        Load(folder, settings, threads > 0 ? threads : Environment.ProcessorCount, cuda ?? new CudaSettings(), encode: null);

    /// <inheritdoc cref="Load(string, LlmSettings, int, CudaSettings?)"/>
    /// <remarks>For tests: with a template in place of the one that the model's settings name, and with smaller pieces.</remarks>
    internal static OnnxLanguageModel Load(
        string folder, LlmSettings settings, int threads, CudaSettings? cuda, ChatEncoder? encode, int logitsBytes = LogitsBytes)
    {
        var manifest = ModelSession.ReadManifest(folder, ModelKinds.Llm);
        var causal = manifest.Causal ?? throw ModelSession.Unusable(manifest, $"{ModelManifest.FileName} has no 'causal'");
        Check(causal.ContextTokens is >= 2 and <= MaxContextTokens, $"contextTokens must be 2 to {MaxContextTokens}");
        Check(causal.MaxBatch is >= 1 and <= MaxBatchSize, $"maxBatch must be 1 to {MaxBatchSize}");
        encode ??= ChatTemplate.Of(causal.ChatTemplate).Encode;
        using var stream = File.OpenRead(ModelSession.PathOf(folder, manifest, causal.Tokenizer));
        var tokenizer = Tokenizer.Read(stream, causal.Tokenizer);

        var decoder = CausalDecoder.Load(folder, manifest, causal.Model, threads, cuda, logitsBytes);
        try
        {
            var ids = Math.Min(tokenizer.Count, decoder.Vocabulary ?? int.MaxValue);
            Check(
                causal.EndTokens.Count > 0 && causal.EndTokens.All(id => id >= 0 && id < ids),
                $"endTokens must be one or more ids that the tokenizer and {causal.Model} have, 0 to {ids - 1}");
            return new OnnxLanguageModel(manifest, causal, settings, tokenizer, encode, decoder);
        }
        catch
        {
            decoder.Dispose();
            throw;
        }

        void Check(bool fine, string otherwise)
        {
            if (!fine)
            {
                throw ModelSession.Unusable(manifest, $"in {ModelManifest.FileName}, {otherwise}");
            }
        }
    }

    // By way of the template, because what looks like a special token counts as the text that it is there.
    public int CountTokens(string text) => Math.Max(0, _encode(_tokenizer, "", text).Length - _templateTokens);

    public int CountTokens(LlmPrompt prompt) => _encode(_tokenizer, prompt.System, prompt.User).Length;

    public Task<IReadOnlyList<LlmReply>> GenerateAsync(
        IReadOnlyList<LlmPrompt> prompts, Action<int>? answered, CancellationToken cancellation)
    {
        int[][] ids = [.. prompts.Select(prompt => _encode(_tokenizer, prompt.System, prompt.User))];
        for (var i = 0; i < ids.Length; i++)
        {
            Check(prompts[i], ids[i].Length);
        }

        return Task.Run(() => Generate(prompts, ids, answered, cancellation), cancellation);
    }

    public void Dispose() => _decoder.Dispose();

    private void Check(LlmPrompt prompt, int promptTokens)
    {
        if (prompt.MaxReplyTokens < 1 || (long)promptTokens + prompt.MaxReplyTokens > ContextTokens)
        {
            throw new ArgumentException(
                $"A prompt of {promptTokens} tokens and a reply of {prompt.MaxReplyTokens} are not within a context of {ContextTokens}"
                + (ContextTokens == _decoder.MostTokens ? ", all that a merged graph has room for: use the unmerged one." : "."));
        }

        if (prompt.Temperature is not (>= 0 and <= 2) || prompt.TopP is not (> 0 and <= 1) || prompt.Stops.Any(string.IsNullOrEmpty))
        {
            throw new ArgumentException("A prompt's temperature must be 0 to 2, its top-p more than 0 to 1, its stop strings not empty.");
        }
    }

    private IReadOnlyList<LlmReply> Generate(
        IReadOnlyList<LlmPrompt> prompts, int[][] ids, Action<int>? answered, CancellationToken cancellation)
    {
        var replies = new LlmReply?[prompts.Count];
        var done = 0;
        var waiting = new Queue<List<int>>();
        List<int> runnable = [];
        for (var i = 0; i < ids.Length; i++)
        {
            if (Array.TrueForAll(ids[i], id => id < (_decoder.Vocabulary ?? int.MaxValue)) && ids[i].Length > 0)
            {
                runnable.Add(i);
            }
            else
            {
                Answer(i, new LlmReply(
                    "", ReplyEnd.Failed, ids[i].Length, 0,
                    ids[i].Length == 0 ? "the prompt is empty" : "the prompt has a token that the model has no scores for"));
            }
        }

        foreach (var batch in Batches(prompts, ids, runnable))
        {
            waiting.Enqueue(batch);
        }

        while (waiting.TryDequeue(out var batch))
        {
            // What a graph makes of padding is not always a number; such prompts run again by themselves.
            foreach (var again in Run(prompts, ids, batch, Answer, cancellation))
            {
                waiting.Enqueue([again]);
            }
        }

        return replies!;

        void Answer(int i, LlmReply reply)
        {
            replies[i] = reply;
            answered?.Invoke(++done);
        }
    }

    /// <summary>
    /// Prompts that run together: of like length, so that little pads them. With its padding the longest reply stays within the model's
    /// context, too, because graphs have tables of that length; and all of them within what the graph takes at once.
    /// </summary>
    private IEnumerable<List<int>> Batches(IReadOnlyList<LlmPrompt> prompts, int[][] ids, List<int> runnable)
    {
        List<int> batch = [];
        var longestReply = 0;
        foreach (var i in runnable.OrderByDescending(i => ids[i].Length))
        {
            var longestPrompt = batch.Count == 0 ? 0 : ids[batch[0]].Length;
            var reply = Math.Max(longestReply, prompts[i].MaxReplyTokens);
            if (batch.Count > 0 && (batch.Count == BatchSize || (long)longestPrompt + reply > _causal.ContextTokens
                || (batch.Count + 1L) * longestPrompt > _decoder.MostTokens))
            {
                yield return batch;
                (batch, reply) = ([], prompts[i].MaxReplyTokens);
            }

            batch.Add(i);
            longestReply = reply;
        }

        if (batch.Count > 0)
        {
            yield return batch;
        }
    }

    /// <summary>Answers prompts together.</summary>
    /// <returns>Those that must run again, each by itself.</returns>
    private List<int> Run(
        IReadOnlyList<LlmPrompt> prompts, int[][] ids, List<int> rows, Action<int, LlmReply> answer, CancellationToken cancellation)
    {
        using var batch = _decoder.Begin([.. rows.Select(i => ids[i])]);
        batch.Start(cancellation);
        // Vocabularies are often padded; a token that has no text is none.
        var vocabulary = Math.Min(_decoder.Vocabulary!.Value, _tokenizer.Count);
        ReplyWriter[] writers = [.. rows.Select(i => new ReplyWriter(_tokenizer, _causal.EndTokens, prompts[i], ids[i].Length))];
        var tokens = new int[rows.Count];
        List<int> again = [];
        for (var (running, first) = (rows.Count, true); ; first = false)
        {
            for (var row = 0; row < writers.Length; row++)
            {
                if (writers[row].IsEnded)
                {
                    // It runs on, and what it gives is ignored.
                    continue;
                }

                tokens[row] = writers[row].Add(batch.Logits(row)[..vocabulary]);
                if (writers[row].IsEnded)
                {
                    running--;
                    if (first && batch.IsPadded(row) && writers[row].ToReply() is { End: ReplyEnd.Failed })
                    {
                        again.Add(rows[row]);
                    }
                    else
                    {
                        answer(rows[row], writers[row].ToReply());
                    }
                }
            }

            if (running == 0)
            {
                return again;
            }

            cancellation.ThrowIfCancellationRequested();
            batch.Next(tokens);
        }
    }
}
