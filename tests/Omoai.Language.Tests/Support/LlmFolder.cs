using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Omoai.Transcripts;
using Omoai.Transcripts.Models;

namespace Omoai.Language.Tests.Support;

/// <summary>Writes folders of language models.</summary>
internal static class LlmFolder
{
    /// <summary>Writes files and the <c>model.json</c> that lists them.</summary>
    public static void Write(
        string folder, CausalSettings? causal, IReadOnlyDictionary<string, byte[]> files, Func<ModelManifest, ModelManifest>? change = null)
    {
        foreach (var (name, content) in files)
        {
            File.WriteAllBytes(Path.Combine(folder, name), content);
        }

        var manifest = new ModelManifest
        {
            Schema = 1,
            Name = "toy",
            Kind = ModelKinds.Llm,
            Language = "en",
            Licence = "MIT",
            Causal = causal,
            Files = files.ToDictionary(
                file => file.Key, file => new ModelFile(file.Value.Length, Convert.ToHexStringLower(SHA256.HashData(file.Value)))),
        };
        File.WriteAllText(
            Path.Combine(folder, ModelManifest.FileName), JsonSerializer.Serialize(change?.Invoke(manifest) ?? manifest, OmoaiJson.Indented));
    }

    /// <summary>A byte-level tokenizer without merges: ids 0 to 255 are the bytes, then come whole words, then special tokens.</summary>
    /// <param name="words">Each as it is written, its leading space with it.</param>
    /// <param name="specials">Special tokens.</param>
    public static byte[] Tokenizer(IReadOnlyList<string> words, IReadOnlyList<string> specials)
    {
        var vocabulary = new Dictionary<string, int>();
        foreach (var (id, token) in Enumerable.Range(0, 256).Select(value => Written([(byte)value]))
            .Concat(words.Select(word => Written(Encoding.UTF8.GetBytes(word)))).Index())
        {
            vocabulary.Add(token, id);
        }

        return JsonSerializer.SerializeToUtf8Bytes(new
        {
            added_tokens = specials.Select((content, i) => new { id = vocabulary.Count + i, content, special = true }),
            pre_tokenizer = new { type = "ByteLevel", add_prefix_space = false },
            decoder = new { type = "ByteLevel" },
            model = new { type = "BPE", ignore_merges = true, vocab = vocabulary, merges = Array.Empty<string>() },
        });
    }

    /// <summary>Bytes as GPT-2's vocabulary writes them: those that can be seen are themselves, the others have letters from U+0100 on.</summary>
    private static string Written(byte[] bytes) => string.Concat(bytes.Select(value =>
        IsSeen(value) ? (char)value : (char)(256 + Enumerable.Range(0, value).Count(before => !IsSeen(before)))));

    private static bool IsSeen(int value) => value is >= 33 and <= 126 or >= 161 and <= 172 or >= 174;
}
