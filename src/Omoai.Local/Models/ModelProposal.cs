using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Omoai.Local.Commands;
using Omoai.Transcripts.Activities;
using Omoai.Transcripts.Tokenizers;

namespace Omoai.Local.Models;

/// <summary>What is known of a folder that may be a model.</summary>
/// <param name="Files">The names of its files.</param>
/// <param name="Graphs">What its ONNX graphs take and give.</param>
/// <param name="Read">The text of a file by its name; null for one that is too long to be settings.</param>
internal sealed record FolderFacts(IReadOnlyList<string> Files, IReadOnlyList<GraphFacts> Graphs, Func<string, string?> Read)
{
    /// <summary>The length of a file by its name, bytes.</summary>
    public Func<string, long> Length { get; init; } = _ => 0;

    /// <summary>Whether a file, by its name, has an ASCII text anywhere in its bytes.</summary>
    public Func<string, string, bool> Mentions { get; init; } = (_, _) => false;
}

/// <summary>
/// A manifest for a folder of ONNX graphs that has none, read off what lies in it: the names of files, what the graphs take
/// and give, and the settings that exporters write.
/// </summary>
/// <param name="Template">The template of the catalogue that it begins with.</param>
/// <param name="Settings">What it has besides.</param>
/// <param name="Files">Those files of the folder that are of use.</param>
/// <param name="Written">Files that are made: text by name.</param>
/// <param name="Notes">What was guessed, or is worth a look.</param>
internal sealed record ModelProposal(
    string Template, JsonObject Settings, IReadOnlyList<string> Files, IReadOnlyDictionary<string, string> Written,
    IReadOnlyList<string> Notes)
{
    private static readonly string[] SettingsFiles =
    [
        "config.json", "generation_config.json", "preprocessor_config.json", "tokenizer.json", "tokenizer_config.json",
        "added_tokens.json", "special_tokens_map.json", "normalizer.json",
    ];

    /// <summary>Where exporters put more than one form of a graph, the first of these that is there is taken.</summary>
    private static readonly string[] Forms = ["", "_fp16", "_quantized", "_int8", "_uint8", "_q4", "_q4f16", "_bnb4"];

    /// <summary>Proposes a manifest.</summary>
    /// <param name="facts">What is known of the folder.</param>
    /// <param name="language">BCP 47 tag of the language; null to read it off the folder.</param>
    /// <exception cref="MissingRequirementException">It is no model that this version knows; the message says what was seen.</exception>
    /// <exception cref="UsageException">Something must be said that the folder doesn't tell.</exception>
    public static ModelProposal Make(FolderFacts facts, string? language)
    {
        var graphs = facts.Graphs.Where(graph => graph.Problem is null).ToList();
        var notes = facts.Graphs.Where(graph => graph.Problem is not null)
            .Select(graph => $"{graph.File} can't be loaded: {graph.Problem}").ToList();
        if (graphs.Count == 0)
        {
            throw new MissingRequirementException(facts.Graphs.Count == 0
                ? "There is no .onnx file in it." : $"None of its graphs can be loaded. {string.Join(" ", notes)}");
        }

        var maker = new Maker(facts, graphs, notes, language);
        try
        {
            return maker.Whisper() ?? maker.Llm() ?? maker.Vad() ?? maker.Waveform() ?? maker.Streaming() ?? maker.Features() ?? throw new MissingRequirementException(
                $"It isn't laid out like a model that this version knows (docs/models.md). {string.Join(" ", graphs.Select(Describe).Concat(notes))}");
        }
        catch (InvalidOperationException e)
        {
            // Half of a surrogate pair is noticed when JSON's text is asked for, and not before.
            throw new MissingRequirementException($"It can't be used: a file of its settings can't be read ({e.Message}).", e);
        }
    }

    private static string Describe(GraphFacts graph) =>
        $"{graph.File} takes {string.Join(", ", graph.Inputs.Select(Describe))} and gives {string.Join(", ", graph.Outputs.Select(Describe))}.";

    private static string Describe(TensorFacts tensor) =>
        $"{tensor.Name} {tensor.Element} [{string.Join(", ", tensor.Shape.Select(length => length < 0 ? "?" : length.ToString(CultureInfo.InvariantCulture)))}]";

    private sealed class Maker(FolderFacts facts, List<GraphFacts> graphs, List<string> notes, string? language)
    {
        private const string Vocabulary = "vocab.json";
        private const string AddedTokens = "added_tokens.json";
        private const string MergedTokens = "tokens.json";

        /// <summary>Longer contexts are cut to this: the memory for keys and values grows with it.</summary>
        private const long MaxContextTokens = 32768;

        private readonly Dictionary<string, string> _written = [];

        /// <summary>Hugging Face Optimum's export of a Whisper model.</summary>
        public ModelProposal? Whisper()
        {
            if (Pick(graph => Has(graph.Inputs, "input_features") && Has(graph.Outputs, "last_hidden_state")) is not { } encoder)
            {
                return null;
            }

            bool Decodes(GraphFacts graph) => Has(graph.Inputs, "input_ids") && Has(graph.Outputs, "logits");
            bool Merged(GraphFacts graph) => Has(graph.Inputs, "use_cache_branch");
            bool WithPast(GraphFacts graph) => !Merged(graph) && graph.Inputs.Any(input => input.Name.StartsWith("past_key_values", StringComparison.Ordinal));
            var decoder = Pick(graph => Decodes(graph) && Merged(graph)) ?? Pick(graph => Decodes(graph) && !WithPast(graph))
                ?? throw Lacks($"{encoder.File} is the encoder of a Whisper model, but there is no decoder (decoder_model_merged.onnx, or decoder_model.onnx)");
            var withPast = Merged(decoder) ? null : Pick(graph => Decodes(graph) && WithPast(graph));
            Require("tokenizer.json", "a Whisper model needs its tokenizer");

            var bins = Length(encoder, "input_features", 1, 3) ?? Number(Json("preprocessor_config.json"), "feature_size") ?? 80;
            if (bins is not (80 or 128))
            {
                throw Lacks($"{encoder.File} takes {bins} mel bins; Whisper models have 80 or 128");
            }

            var width = Length(encoder, "last_hidden_state", 2, 3);
            if (decoder.Inputs.FirstOrDefault(input => input.Name == "encoder_hidden_states")?.Shape is [_, _, var taken] && taken > 0 && width is not null && taken != width)
            {
                throw Lacks($"{encoder.File} gives {width} values a frame, {decoder.File} takes {taken}: they are of different models");
            }

            var settings = new JsonObject
            {
                ["whisper"] = new JsonObject
                {
                    ["encoder"] = encoder.File,
                    ["decoder"] = decoder.File,
                    ["decoderWithPast"] = withPast?.File,
                    ["tokenizer"] = "tokenizer.json",
                    ["generation"] = new[] { "generation_config.json", "config.json" }.FirstOrDefault(facts.Files.Contains),
                },
            };
            var known = Json("generation_config.json")?["lang_to_id"] is JsonObject ids
                ? ids.Select(id => id.Key.Trim('<', '|', '>')).Where(IsTag)
                    // Whisper's code for Javanese is older than BCP 47.
                    .Select(code => code == "jw" ? "jv" : code).Distinct().Order(StringComparer.Ordinal).ToList() : [];
            if (language is not null || known.Count == 0)
            {
                settings["language"] = language ?? Say("en", "no list of languages (generation_config.json): English is taken for its only one");
                settings["languages"] = new JsonArray(JsonValue.Create((string)settings["language"]!));
            }
            else
            {
                settings["languages"] = new JsonArray([.. known.Select(tag => JsonValue.Create(tag))]);
            }

            return Proposal($"whisper-{bins}", settings, [encoder, decoder, .. withPast is null ? [] : new[] { withPast }], SettingsFiles);
        }

        /// <summary>A language model: a decoder with past keys and values, as Optimum and onnxruntime-genai export it.</summary>
        public ModelProposal? Llm()
        {
            static bool IsPast(TensorFacts input) => input.Name.StartsWith("past", StringComparison.Ordinal);
            if (Pick(graph => Has(graph.Inputs, "input_ids") && Has(graph.Outputs, "logits") && graph.Inputs.Any(IsPast) && !Has(graph.Inputs, "encoder_hidden_states")) is not { } graph)
            {
                return null;
            }

            Require("tokenizer.json", "a language model needs its tokenizer");
            OnlyInputs(graph, [.. graph.Inputs.Where(IsPast).Select(input => input.Name), "input_ids", "attention_mask", "position_ids", "use_cache_branch", "num_logits_to_keep"]);
            var genai = Json("genai_config.json")?["model"] as JsonObject;
            // Models of text and images have what is of text by itself.
            var config = Json("config.json") is { } whole ? whole["text_config"] as JsonObject ?? whole : null;
            var family = Family();
            var ends = new[] { Json("generation_config.json"), genai, config }.SelectMany(json => Numbers(json, "eos_token_id"))
                .Concat(family.EndOfTurn is { } token && TokenId(token) is { } id ? [id] : [])
                .Where(end => end is >= 0 and < int.MaxValue).Distinct().ToList();
            if (ends.Count == 0)
            {
                throw Lacks("neither generation_config.json, genai_config.json nor config.json says which token ends a reply (eos_token_id)");
            }

            var context = Context(config, genai);
            // Its operator is told how long a prompt is, and not which of its tokens pad.
            var alone = !Has(graph.Inputs, "attention_mask") || facts.Mentions(graph.File, "GroupQueryAttention");
            var settings = new JsonObject
            {
                ["causal"] = new JsonObject
                {
                    ["model"] = graph.File,
                    ["tokenizer"] = "tokenizer.json",
                    ["chatTemplate"] = family.Name,
                    ["contextTokens"] = context,
                    ["endTokens"] = new JsonArray([.. ends.Select(end => JsonValue.Create(end))]),
                    ["maxBatch"] = alone ? 1 : 8,
                },
                ["language"] = language,
            };
            var proposal = Proposal("causal", settings, [graph], [.. SettingsFiles, "genai_config.json", "chat_template.jinja"]);
            var cache = context * graph.Inputs.Where(IsPast).Sum(BytesPerToken);
            settings["memoryMb"] = (int)Math.Min(1 << 20, Math.Ceiling(((1.2 * proposal.Files.Sum(file => (double)facts.Length(file))) + cache) / (1 << 20)) + 128);
            return proposal;
        }

        /// <summary>What a graph takes of past keys or values for each token of the context: what of its shape is fixed.</summary>
        private static double BytesPerToken(TensorFacts past) =>
            past.Shape.Where(length => length > 0).Aggregate(past.Element == "float" ? 4.0 : 2.0, (product, length) => product * length);

        private long Context(JsonObject? config, JsonObject? genai)
        {
            var stated = new[] { "max_position_embeddings", "n_positions", "max_sequence_length" }.Select(name => Number(config, name))
                .Append(Number(genai, "context_length")).FirstOrDefault(number => number is not null)
                ?? Say(2048L, "no max_position_embeddings in config.json, and no context_length in genai_config.json: a context of 2048 tokens was guessed");
            if (stated < 256)
            {
                throw Lacks($"its context is {stated} tokens; at least 256 are needed");
            }

            if (stated > MaxContextTokens)
            {
                notes.Add($"Its context of {stated} tokens is cut to {MaxContextTokens}, for the memory that it takes: causal.contextTokens may be up to what there is memory for.");
            }

            return Math.Min(stated, MaxContextTokens);
        }

        /// <summary>How a chat is written, by the marks of the model's own template, which isn't run.</summary>
        private ChatFamily Family()
        {
            var stated = Json("tokenizer_config.json")?["chat_template"];
            var template = stated is JsonArray list
                ? Text(list.OfType<JsonObject>().FirstOrDefault(one => Text(one, "name") == "default") ?? list.OfType<JsonObject>().FirstOrDefault(), "template")
                : stated is JsonValue value && value.TryGetValue(out string? text) ? text : null;
            template ??= facts.Files.Contains("chat_template.jinja") ? facts.Read("chat_template.jinja") : null;
            var family = template is null ? null : ChatFamily.Guess(template);
            notes.Add(family is not null ? $"By its chat template it is of the family '{family.Name}' (causal.chatTemplate)."
                : template is null ? "There is no chat template (tokenizer_config.json): prompts are written plainly. Models that were trained for no chat follow no instructions."
                : "Its chat template isn't of a family that this version knows (docs/models.md): prompts are written plainly, and its replies may be poor.");
            if (family?.Name == "llama3" && template!.Contains("Today Date", StringComparison.Ordinal))
            {
                notes.Add("Its chat template writes today's date before what the model is to do; that is left out.");
            }

            return family ?? ChatFamily.Find("plain")!;
        }

        /// <summary>The id of an added token; null where none is said.</summary>
        private long? TokenId(string content)
        {
            var decoder = Json("tokenizer_config.json")?["added_tokens_decoder"] as JsonObject ?? [];
            if (decoder.FirstOrDefault(token => Text(token.Value as JsonObject, "content") == content).Key is { } key)
            {
                return long.TryParse(key, NumberStyles.None, CultureInfo.InvariantCulture, out var id) ? id : null;
            }

            return Number((Json("tokenizer.json")?["added_tokens"] as JsonArray ?? []).OfType<JsonObject>().FirstOrDefault(token => Text(token, "content") == content), "id");
        }

        /// <summary>silero's, version 5.</summary>
        public ModelProposal? Vad()
        {
            if (Pick(graph => Has(graph.Inputs, "input", "h", "c") && Has(graph.Outputs, "output")) is { } old)
            {
                throw Lacks($"{old.File} is silero VAD before version 5, which this version doesn't run: get version 5");
            }

            return Pick(graph => graph.Inputs.Count == 3 && Has(graph.Inputs, "input", "state", "sr") && graph.Outputs.Count == 2) is { } vad
                ? Proposal("silero-vad", new JsonObject { ["vad"] = new JsonObject { ["model"] = vad.File } }, [vad], []) : null;
        }

        /// <summary>wav2vec2, HuBERT and their kin as Optimum exports them: samples to letters.</summary>
        public ModelProposal? Waveform()
        {
            static TensorFacts? Samples(GraphFacts graph) =>
                graph.Inputs.FirstOrDefault(tensor => tensor is { Name: "input_values", Shape.Count: 2, Element: "float" or "float16" });
            if (Pick(graph => Samples(graph) is not null && Scores(graph) is not null) is not { } graph)
            {
                return null;
            }

            OnlyInputs(graph, ["input_values"]);
            var tokens = Tokens(graph);
            var blank = Number(Json("config.json"), "pad_token_id") ?? tokens.Find("<pad>", "[PAD]", "<blank>", "<blk>")
                ?? throw Lacks("neither config.json (pad_token_id) nor the tokens say which token is the blank");
            var space = Text(Json("tokenizer_config.json"), "word_delimiter_token") ?? "|";
            if (tokens.Find(space) is null)
            {
                notes.Add($"No token '{space}' parts the words: look at ctc.space.");
            }

            var subsampling = Json("config.json")?["conv_stride"] is JsonArray strides && strides.Count is > 0 and < 32
                ? strides.Aggregate(1L, (product, stride) => Math.Min(1 << 20, product * (stride is JsonValue value && value.TryGetValue(out int step) && step > 0 ? step : 1)))
                : 320;
            var normalize = Json("preprocessor_config.json")?["do_normalize"] is not JsonValue says || !says.TryGetValue(out bool wanted) || wanted;
            var rate = Number(Json("preprocessor_config.json"), "sampling_rate") ?? 16000;
            return Ctc("waveform-ctc", graph, tokens, new JsonObject
            {
                ["layout"] = "bt",
                ["blank"] = blank,
                ["subsampling"] = subsampling,
                ["space"] = space,
            }, new JsonObject { ["meanNormalize"] = normalize, ["varianceNormalize"] = normalize }, new JsonObject { ["sampleRate"] = rate });
        }

        /// <summary>wenet's streaming export: an encoder with caches, and the output layer as a graph of its own.</summary>
        public ModelProposal? Streaming()
        {
            if (Pick(graph => Has(graph.Inputs, "chunk", "att_cache", "cnn_cache") && Has(graph.Outputs, "output", "r_att_cache", "r_cnn_cache")) is not { } encoder)
            {
                return null;
            }

            var head = Pick(graph => Has(graph.Inputs, "hidden") && Has(graph.Outputs, "probs"))
                ?? throw Lacks($"{encoder.File} is the encoder of a streaming model, but its output layer (ctc.onnx, hidden to probs) isn't there");
            OnlyInputs(encoder, ["chunk", "offset", "required_cache_size", "att_cache", "cnn_cache", "att_mask"]);
            long Fact(string name, long low, long high) =>
                encoder.Metadata.TryGetValue(name, out var text) && long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) && value >= low && value <= high
                    ? value : throw Lacks($"{encoder.File} doesn't say '{name}' in its metadata");
            var (chunk, subsampling) = (Fact("chunk_size", 1, 1024), Fact("subsampling_rate", 1, 64));
            var (blocks, heads, size, kernel) = (Fact("num_blocks", 1, 256), Fact("head", 1, 256), Fact("output_size", 1, 1 << 16), Fact("cnn_module_kernel", 1, 1 << 10));
            var left = Fact("left_chunks", -1, 1024);
            // The output frames that the cache holds from the start; none where it keeps all there were.
            var cached = Math.Max(0, chunk * left);
            var tokens = Tokens(head);
            var settings = new JsonObject
            {
                ["layout"] = "btf",
                ["blank"] = tokens.Find("<blank>", "<blk>") ?? 0,
                ["subsampling"] = subsampling,
                ["minFrames"] = Fact("right_context", 0, 1024) + 1,
                ["constants"] = Has(encoder.Inputs, "required_cache_size") ? new JsonObject { ["required_cache_size"] = chunk * left } : null,
                ["head"] = new JsonObject { ["model"] = head.File, ["input"] = "hidden", ["output"] = "probs" },
                ["chunk"] = new JsonObject
                {
                    ["frames"] = chunk * subsampling,
                    ["right"] = Fact("right_context", 0, 1024) + 1 - subsampling,
                    ["offsetInput"] = Has(encoder.Inputs, "offset") ? "offset" : null,
                    ["offsetStart"] = cached,
                    ["mask"] = cached > 0 && Has(encoder.Inputs, "att_mask")
                        ? new JsonObject { ["input"] = "att_mask", ["cacheFrames"] = cached } : null,
                    ["caches"] = new JsonArray(
                        new JsonObject { ["input"] = "att_cache", ["output"] = "r_att_cache", ["shape"] = new JsonArray(blocks, heads, cached, size / heads * 2) },
                        new JsonObject { ["input"] = "cnn_cache", ["output"] = "r_cnn_cache", ["shape"] = new JsonArray(blocks, 1, size, kernel - 1) }),
                },
            };
            var input = encoder.Inputs.First(tensor => tensor.Name == "chunk");
            var output = encoder.Outputs.First(tensor => tensor.Name == "output");
            return Ctc("wenet-ctc", encoder, tokens, settings, Bins(input.Shape.Count == 3 ? input.Shape[2] : -1), input: input, output: output, more: [head]);
        }

        /// <summary>CTC on log-mel features: wenet, icefall's zipformer, SenseVoice, NeMo.</summary>
        public ModelProposal? Features()
        {
            if (Pick(graph => Frames(graph) is not null && Scores(graph) is not null) is not { } graph)
            {
                return null;
            }

            var input = Frames(graph)!;
            var type = graph.Metadata.GetValueOrDefault("model_type", "");
            bool Says(string text) => type.Contains(text, StringComparison.OrdinalIgnoreCase) || graph.Metadata.GetValueOrDefault("comment", "").Contains(text, StringComparison.OrdinalIgnoreCase);
            var lengths = graph.Inputs.FirstOrDefault(tensor => tensor.Shape.Count == 1 && tensor.Element is "int32" or "int64" && tensor.Name.Contains("len", StringComparison.OrdinalIgnoreCase));
            List<string> known = [input.Name, .. lengths is null ? [] : new[] { lengths.Name }];
            var ctc = new JsonObject
            {
                ["layout"] = "btf",
                ["lengthInput"] = lengths?.Name,
                ["lengthOutput"] = graph.Outputs.FirstOrDefault(tensor => tensor.Shape.Count == 1 && tensor.Element is "int32" or "int64")?.Name,
            };
            var extra = new JsonObject();
            JsonObject features;
            string template;
            if (Says("sense_voice") || Has(graph.Inputs, "text_norm"))
            {
                (template, features) = ("funasr-ctc", Bins(Divided(input.Shape[2], 7)));
                known.AddRange(["language", "text_norm"]);
                SenseVoice(graph, ctc, features, extra);
            }
            else if (Says("EncDec") || Says("nemo") || input.Name == "audio_signal")
            {
                (template, features) = ("nemo-ctc", Bins(input.Shape[1]));
                ctc["layout"] = "bft";
                if (graph.Metadata.TryGetValue("normalize_type", out var normalize))
                {
                    features["meanNormalize"] = normalize == "per_feature";
                    features["varianceNormalize"] = normalize == "per_feature";
                }
            }
            else
            {
                template = Says("zipformer") ? "zipformer-ctc" : "wenet-ctc";
                features = Bins(input.Shape[2]);
                if (template == "wenet-ctc" && !Says("wenet"))
                {
                    notes.Add("Nothing says what trained it: features as wenet's (samples at 16 bits, povey window) were guessed. For icefall's models "
                        + "set features.sampleScale 1, edges kaldi, highHz 7600. Wrong ones give wrong words, not an error.");
                }
            }

            if (template != "nemo-ctc" && graph.Metadata.TryGetValue("normalize_samples", out var unit))
            {
                features["sampleScale"] = unit == "0" ? 32768 : 1;
            }

            if (facts.Files.Contains("global_cmvn") && template == "wenet-ctc")
            {
                features["cmvn"] = "global_cmvn";
            }

            OnlyInputs(graph, known);
            var tokens = Tokens(graph);
            ctc["blank"] = Number(graph.Metadata, "blank_id") ?? tokens.Find("<blk>", "<blank>", "<pad>") ?? Say(0L, "no token called <blk> or <blank>: token 0 is taken for the blank");
            // FunASR's frames are put side by side before the graph.
            ctc["subsampling"] ??= Number(graph.Metadata, "subsampling_factor") ?? Number(graph.Metadata, "subsampling_rate")
                ?? Say(4L, "no subsampling_factor in the metadata: 4 was guessed");
            return Ctc(template, graph, tokens, ctc, features, extra, input);
        }

        /// <summary>SenseVoice says its language and its levelling in the graph's metadata, and begins with four frames about the stretch.</summary>
        private void SenseVoice(GraphFacts graph, JsonObject ctc, JsonObject features, JsonObject extra)
        {
            ctc["dropFrames"] = 4;
            ctc["subsampling"] = 1;
            ctc["constants"] = new JsonObject
            {
                ["language"] = Number(graph.Metadata, $"lang_{language}") ?? Number(graph.Metadata, "lang_auto") ?? 0,
                ["text_norm"] = Number(graph.Metadata, "with_itn") ?? 14,
            };
            var values = graph.Metadata.Where(fact => fact.Key.StartsWith("lang_", StringComparison.Ordinal) && fact.Key.Length <= 8 && IsTag(fact.Key[5..]))
                .Select(fact => (Tag: fact.Key[5..], Value: Number(graph.Metadata, fact.Key))).Where(fact => fact.Value is not null).ToList();
            if (values.Count > 0)
            {
                ctc["languageInput"] = "language";
                extra["languages"] = new JsonArray([.. values.Select(fact => JsonValue.Create(fact.Tag))]);
                ctc["languageValues"] = new JsonObject(values.Select(fact => KeyValuePair.Create(fact.Tag, (JsonNode?)fact.Value)));
            }

            extra["punctuated"] = true;
            if (facts.Files.Contains("am.mvn"))
            {
                features["cmvn"] = "am.mvn";
            }
            else if (Values(graph, "neg_mean") is { } shift && Values(graph, "inv_stddev") is { } scale && shift.Length == scale.Length)
            {
                features["cmvn"] = "am.mvn";
                _written["am.mvn"] = string.Create(CultureInfo.InvariantCulture,
                    $"<Nnet>\n<AddShift> {shift.Length} {shift.Length}\n<LearnRateCoef> 0 [ {string.Join(' ', shift)} ]\n<Rescale> {scale.Length} {scale.Length}\n<LearnRateCoef> 0 [ {string.Join(' ', scale)} ]\n</Nnet>\n");
            }
            else
            {
                notes.Add("There is no am.mvn, and no neg_mean and inv_stddev in the metadata: its words will be poor.");
            }
        }

        private ModelProposal Ctc(
            string template, GraphFacts graph, TokenFacts tokens, JsonObject ctc, JsonObject features, JsonObject? extra = null,
            TensorFacts? input = null, TensorFacts? output = null, IReadOnlyList<GraphFacts>? more = null)
        {
            input ??= graph.Inputs[0];
            output ??= Scores(graph)!;
            ctc["model"] = graph.File;
            ctc["input"] = input.Name;
            ctc["output"] = output.Name;
            ctc["tokens"] = tokens.File;
            // What is logarithms of probabilities already stays as it is when it is taken for logits.
            ctc["logits"] = !output.Name.Contains("prob", StringComparison.OrdinalIgnoreCase);
            // Transcripts of people's speech aren't in capitals.
            ctc["lowercase"] = tokens.AreCapitals;
            ctc["words"] = template == "waveform-ctc" || tokens.Find("<space>") is not null ? "space" : tokens.HasPieces ? "sentencepiece" : "characters";
            var settings = new JsonObject { ["ctc"] = ctc, ["features"] = features };
            foreach (var (name, value) in extra ?? [])
            {
                settings[name] = value?.DeepClone();
            }

            settings["language"] = language ?? throw new UsageException("The folder doesn't tell the language. Say it: --language vi, for example.");
            List<string> files = [tokens.File, .. features["cmvn"] is { } cmvn && !_written.ContainsKey((string)cmvn!) ? [(string)cmvn!] : Array.Empty<string>()];
            return Proposal(template, settings, [graph, .. more ?? []], files);
        }

        private ModelProposal Proposal(string template, JsonObject settings, IReadOnlyList<GraphFacts> used, IEnumerable<string> files)
        {
            RemoveNulls(settings);
            return new ModelProposal(
                template, settings,
                [
                    // Weights outside of a graph lie in files that begin with its name.
                    .. facts.Files.Where(file => used.Any(graph => file.StartsWith(graph.File, StringComparison.Ordinal))),
                    .. files.Where(file => facts.Files.Contains(file)),
                ],
                _written, notes);
        }

        private static void RemoveNulls(JsonObject json)
        {
            foreach (var (name, value) in json.ToList())
            {
                if (value is null)
                {
                    json.Remove(name);
                }
                else if (value is JsonObject inner)
                {
                    RemoveNulls(inner);
                }
            }
        }

        /// <summary>The graph that fits, in the fullest form there is of it.</summary>
        private GraphFacts? Pick(Func<GraphFacts, bool> fits)
        {
            var fitting = graphs.Where(fits).OrderBy(Rank).ThenBy(graph => graph.File.Length).ThenBy(graph => graph.File, StringComparer.Ordinal).ToList();
            if (fitting.Count > 1)
            {
                notes.Add($"Of {string.Join(", ", fitting.Select(graph => graph.File))} the first is taken. Leave it out of the folder for another.");
            }

            return fitting.FirstOrDefault();

            static int Rank(GraphFacts graph)
            {
                var stem = Path.GetFileNameWithoutExtension(graph.File);
                var form = Array.FindLastIndex(Forms, suffix => stem.EndsWith(suffix, StringComparison.Ordinal));
                return form;
            }
        }

        private static bool Has(IReadOnlyList<TensorFacts> tensors, params string[] names) => names.All(name => tensors.Any(tensor => tensor.Name == name));

        /// <summary>The input that takes features, [batch, frames, bins] or [batch, bins, frames].</summary>
        private static TensorFacts? Frames(GraphFacts graph) =>
            graph.Inputs.Where(tensor => tensor is { Shape.Count: 3, Element: "float" or "float16" }).ToList() is [var only] ? only : null;

        /// <summary>The output of scores, [batch, frames, tokens].</summary>
        private static TensorFacts? Scores(GraphFacts graph) =>
            graph.Outputs.Where(tensor => tensor is { Shape.Count: 3, Element: "float" or "float16" }).ToList() is [var only, ..] ? only : null;

        private static long? Length(GraphFacts graph, string tensor, int axis, int rank) =>
            graph.Inputs.Concat(graph.Outputs).FirstOrDefault(found => found.Name == tensor)?.Shape is { } shape && shape.Count == rank && shape[axis] > 0
                ? shape[axis] : null;

        /// <summary>Stops at an input that nothing would be given to.</summary>
        private static void OnlyInputs(GraphFacts graph, IEnumerable<string> known)
        {
            if (graph.Inputs.FirstOrDefault(input => !known.Contains(input.Name)) is { } strange)
            {
                throw Lacks($"{graph.File} has the input {Describe(strange)}, which this version gives nothing to: export it without. {Describe(graph)}");
            }
        }

        private static JsonObject Bins(long bins) => bins switch
        {
            < 0 => [],
            > 0 and <= 512 => new JsonObject { ["bins"] = bins },
            _ => throw Lacks($"its graph takes {bins} values a frame, which no filter bank has"),
        };

        private static long Divided(long width, long by) => width < 0 ? -1
            : width % by == 0 ? width / by : throw Lacks($"its graph takes {width} values a frame, not {by} frames side by side");

        private TokenFacts Tokens(GraphFacts graph)
        {
            string[] names = ["tokens.txt", MergedTokens, Vocabulary, "units.txt", "vocab.txt", "lang_char.txt"];
            var file = names.FirstOrDefault(facts.Files.Contains) ?? throw Lacks($"a list of tokens isn't there ({string.Join(", ", names)})");
            var tokens = ReadTokens(file);
            var width = Scores(graph)!.Shape[2];
            return width < 0 ? tokens
                : file == Vocabulary ? Whole(tokens, width, graph.File)
                : tokens.Count <= width ? tokens
                : throw Lacks($"{file} has {tokens.Count} tokens, {graph.File} scores {width}: they aren't of one model");
        }

        private TokenFacts ReadTokens(string file) =>
            TokenFacts.Read(file, facts.Read(file) ?? throw Lacks($"{file} is too long for a list of tokens"));

        /// <summary>
        /// Hugging Face's vocabulary with a token for each score. What was added in fine-tuning has a file of its own, and some ids are
        /// nobody's: then the whole list is written.
        /// </summary>
        private TokenFacts Whole(TokenFacts vocabulary, long width, string graph)
        {
            var ids = vocabulary.Ids.ToDictionary();
            var merged = vocabulary.Count < width && facts.Files.Contains(AddedTokens);
            foreach (var (token, id) in merged ? ReadTokens(AddedTokens).Ids : new Dictionary<string, long>())
            {
                if (!ids.TryAdd(token, id) && ids[token] != id)
                {
                    throw Lacks($"{Vocabulary} and {AddedTokens} have one token with the ids {ids[token]} and {id}");
                }
            }

            var count = Math.Max(vocabulary.Count, ids.Values.Max() + 1);
            if (count != width)
            {
                throw Lacks($"{Vocabulary} has {count} tokens{(merged ? $" with those of {AddedTokens}" : "")}, {graph} scores {width}: "
                    + (count < width ? "add the missing ones with their ids" : "they aren't of one model"));
            }

            var tokens = new string?[width];
            foreach (var (token, id) in ids)
            {
                tokens[id] = tokens[id] is null ? token : throw Lacks($"there are two tokens with the id {id}");
            }

            if (!merged && ids.Count == width)
            {
                return vocabulary;
            }

            _written[MergedTokens] = JsonSerializer.Serialize(tokens.Select((token, id) => token ?? string.Create(CultureInfo.InvariantCulture, $"<unused-{id}>")));
            return new TokenFacts(MergedTokens, ids, width);
        }

        private void Require(string file, string why)
        {
            if (!facts.Files.Contains(file))
            {
                throw Lacks($"{file} isn't there; {why}");
            }
        }

        private JsonObject? Json(string file)
        {
            try
            {
                return facts.Files.Contains(file) && facts.Read(file) is { } text
                    ? JsonNode.Parse(text, documentOptions: new JsonDocumentOptions { AllowDuplicateProperties = false }) as JsonObject : null;
            }
            catch (JsonException e)
            {
                throw Lacks($"{file} can't be read ({e.Message})");
            }
        }

        private T Say<T>(T value, string note)
        {
            notes.Add($"There is {note}.");
            return value;
        }

        private static long? Number(JsonObject? json, string name) =>
            json?[name] is JsonValue value && value.TryGetValue(out long number) ? number : null;

        /// <summary>A number, or each of several.</summary>
        private static IEnumerable<long> Numbers(JsonObject? json, string name) =>
            (json?[name] as JsonArray ?? [json?[name]?.DeepClone()]).OfType<JsonValue>().Select(value => value.TryGetValue(out long number) ? number : -1);

        private static long? Number(IReadOnlyDictionary<string, string> metadata, string name) =>
            metadata.TryGetValue(name, out var text) && long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number)
                ? number : null;

        private static string? Text(JsonObject? json, string name) => json?[name] is JsonValue value && value.TryGetValue(out string? text) ? text : null;

        private static float[]? Values(GraphFacts graph, string name)
        {
            if (!graph.Metadata.TryGetValue(name, out var text))
            {
                return null;
            }

            var parts = text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
            var values = new float[parts.Length];
            return parts.Index().All(part => float.TryParse(part.Item, NumberStyles.Float, CultureInfo.InvariantCulture, out values[part.Index]) && float.IsFinite(values[part.Index]))
                ? values : null;
        }

        private static bool IsTag(string tag) => tag.Length is >= 2 and <= 8 && tag.All(char.IsAsciiLetterLower);

        private static MissingRequirementException Lacks(string what) => new($"It can't be used: {what}.");
    }

    /// <summary>A list of tokens.</summary>
    private sealed record TokenFacts(string File, IReadOnlyDictionary<string, long> Ids, long Count)
    {
        private const int MaxTokens = 1_000_000;

        /// <summary>There are capitals and no small letters; <c>&lt;unk&gt;</c> and its kin don't count.</summary>
        public bool AreCapitals => Ids.Keys.Where(token => token is not ['<' or '[', ..]).SelectMany(token => token) is var letters
            && letters.Any(char.IsUpper) && !letters.Any(char.IsLower);

        public bool HasPieces => Ids.Keys.Any(token => token.StartsWith('▁'));

        /// <summary>The id of the first of these tokens that there is.</summary>
        public long? Find(params string[] tokens) => tokens.Select(token => Ids.TryGetValue(token, out var id) ? id : (long?)null).FirstOrDefault(id => id is not null);

        /// <exception cref="MissingRequirementException">It is no list of tokens.</exception>
        public static TokenFacts Read(string file, string text)
        {
            var ids = new Dictionary<string, long>();
            long count = 0;
            if (file.EndsWith(".json", StringComparison.Ordinal))
            {
                try
                {
                    if (text.AsSpan().TrimStart() is ['[', ..])
                    {
                        var list = JsonSerializer.Deserialize<string?[]>(text)!;
                        count = list.Length;
                        foreach (var (number, token) in list.Index())
                        {
                            ids.TryAdd(token ?? "", number);
                        }
                    }
                    else
                    {
                        ids = JsonSerializer.Deserialize<Dictionary<string, long>>(text) ?? ids;
                    }
                }
                catch (JsonException e)
                {
                    throw new MissingRequirementException($"It can't be used: {file} isn't an object of tokens and ids, or an array of tokens ({e.Message}).", e);
                }

                foreach (var id in ids.Values.Where(id => id is < 0 or >= MaxTokens).Take(1))
                {
                    throw new MissingRequirementException($"It can't be used: {file} has the id {id}.");
                }

                count = Math.Max(count, ids.Values.DefaultIfEmpty(-1).Max() + 1);
            }
            else
            {
                var lines = text.Split('\n').Select(line => line.TrimEnd('\r')).Where(line => line.Length > 0).ToList();
                foreach (var (number, line) in lines.Index())
                {
                    // 'token id', or a token a line; a token may be a space.
                    var blank = line.LastIndexOfAny([' ', '\t']);
                    var hasId = long.TryParse(line.AsSpan(blank + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var id) && blank > 0;
                    ids.TryAdd(hasId ? line[..blank] : line, hasId ? id : number);
                }

                count = ids.Count;
            }

            return ids.Count > 0 ? new TokenFacts(file, ids, count) : throw new MissingRequirementException($"It can't be used: {file} has no tokens.");
        }
    }
}
