using System.Diagnostics;
using System.Text;
using System.Text.Json.Nodes;
using Omoai.Transcripts;
using Omoai.Transcripts.Formats;

namespace Omoai.EndToEnd.Tests;

/// <summary><c>omoai compare</c> as a user runs it.</summary>
public sealed class CompareTests : IDisposable
{
    private readonly TestFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Two_texts_are_compared_in_a_table_of_rates_and_edits()
    {
        var (a, b) = (File("a.txt", "good morning. uh everyone\n"), File("b.txt", "Good morning, everyone.\n"));

        var outcome = await OmoaiProgram.RunAsync("compare", a, b);

        Assert.Equal((0, ""), (outcome.ExitCode, outcome.Error));
        string[][] rows = [.. outcome.Output.TrimEnd().Split('\n').Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))];
        Assert.Equal(["rate", "errors", "substitutions", "insertions", "deletions", "of"], rows[0]);
        Assert.Equal(["WER", "100.00", "%", "4", "3", "0", "1", "4"], rows[1]);
        Assert.Equal(["U-WER", "25.00", "%", "1", "0", "0", "1", "4"], rows[2]);
        Assert.Equal(["F-WER", "80.00", "%", "4", "2", "1", "1", "5"], rows[3]);
        Assert.Equal(["CER", "24.00", "%", "6", "2", "1", "3", "25"], rows[4]);
        Assert.Equal(["PER", "200.00", "%", "2", "1", "1", "0", "1"], rows[5]);
        Assert.Equal(6, rows.Length);
    }

    [Fact]
    public async Task Transcripts_are_compared_by_segments_in_JSON_a_diff_and_a_page()
    {
        var transcript = Transcript("Xin chào <b>các bạn.", "Tạm biệt.");
        var (a, b, page) = (File("a.json", transcript), File("b.txt", "Xin chào các bạn.\nTạm biệt.\n"), folder["page.html"]);

        var outcome = await OmoaiProgram.RunAsync("compare", a, b, "--json", "--diff", "--html", page);

        Assert.Equal((0, ""), (outcome.ExitCode, outcome.Error));
        var json = JsonNode.Parse(outcome.Output)!;
        Assert.Equal(1, (int)json["quality"]!["wer"]!["errors"]!);
        Assert.Equal(
            $"--- {a}\n+++ {b}\n@@ -1,2 +1,2 @@\n-Xin chào <b>các bạn.\n+Xin chào các bạn.\n Tạm biệt.\n", (string?)json["diff"]);
        var html = await System.IO.File.ReadAllTextAsync(page);
        Assert.StartsWith("<!DOCTYPE html>\n<html lang=\"vi\">\n", html, StringComparison.Ordinal);
        Assert.Contains("<meta charset=\"utf-8\">", html, StringComparison.Ordinal);
        Assert.Contains("<p>Xin chào <del>&lt;b&gt;các</del> <ins>các</ins> bạn.</p>", html, StringComparison.Ordinal);
        Assert.DoesNotContain("<script", html, StringComparison.Ordinal);
    }

    [Fact]
    public async Task One_of_the_two_can_come_from_standard_input_and_quiet_prints_nothing()
    {
        var a = File("a.txt", "one two");
        var start = new ProcessStartInfo(Path.Combine(OmoaiProgram.Folder, "omoai"), ["compare", "-", a, "--diff"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        using var process = Process.Start(start)!;
        await process.StandardInput.WriteAsync("one three");
        process.StandardInput.Close();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();

        Assert.Equal(0, process.ExitCode);
        Assert.EndsWith($"--- standard input\n+++ {a}\n@@ -1 +1 @@\n-one three\n+one two\n", output, StringComparison.Ordinal);

        var quiet = await OmoaiProgram.RunAsync("compare", a, a, "--quiet", "--diff");
        Assert.Equal((0, "", ""), (quiet.ExitCode, quiet.Output, quiet.Error));
    }

    [Fact]
    public async Task A_text_may_begin_with_a_brace_and_be_as_long_as_may_be()
    {
        var text = File("a.txt", $"{{laughs}} {new string('a', 999_991)}");

        var outcome = await OmoaiProgram.RunAsync("compare", text, text);

        Assert.Equal((0, ""), (outcome.ExitCode, outcome.Error));
        Assert.Contains("1000000", outcome.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_cannot_be_compared_is_refused_with_the_reason()
    {
        var text = File("a.txt", "one");
        System.IO.File.WriteAllBytes(folder["bytes"], [0x61, 0xFF, 0xFE]);
        using (var large = System.IO.File.Create(folder["large.txt"]))
        {
            large.SetLength((64 << 20) + 1);
        }

        await RefusedAsync(3, "nothing isn't there", "nothing", text);
        await RefusedAsync(3, "'' isn't there", text, "");
        await RefusedAsync(3, "is a folder", text, folder.Path);
        await RefusedAsync(3, "isn't text in UTF-8", text, folder["bytes"]);
        await RefusedAsync(3, "more than 64 MiB", text, folder["large.txt"]);
        await RefusedAsync(3, "more than 1000000 characters", File("long.txt", new string('a', 1_000_001)), text);
        await RefusedAsync(3, "more than 1000000 characters", text, File("long.json", Transcript(new string('a', 999_999), "b")));
        await RefusedAsync(3, "isn't a transcript", File("b.txt", " {\"a\": 1}"), text);
        await RefusedAsync(3, "c.json: The transcript can't be read", text, File("c.json", "one two"));
        await RefusedAsync(2, "Only one of the two", "-", "-");
        await RefusedAsync(2, "page.html can't be written", text, text, "--html", folder["absent/page.html"]);
        await RefusedAsync(2, "--html", text, text, "--html", "");
        await RefusedAsync(2, "would overwrite", text, text, "--html", text);
        await RefusedAsync(2, "Required argument missing", text);

        async Task RefusedAsync(int exitCode, string reason, params string[] arguments)
        {
            var outcome = await OmoaiProgram.RunAsync(["compare", .. arguments]);
            Assert.Equal(exitCode, outcome.ExitCode);
            Assert.Contains(reason, outcome.Error, StringComparison.Ordinal);
        }
    }

    private string File(string name, string text)
    {
        System.IO.File.WriteAllText(folder[name], text);
        return folder[name];
    }

    private static string Transcript(params string[] segments)
    {
        var transcript = new Transcript
        {
            CreatedAt = DateTimeOffset.UnixEpoch,
            Source = new AudioSource("talk.wav", 10, 16000, 1, "pcm_s16le"),
            Language = "vi",
            Models = new ModelsUsed("a", "b", "none"),
            Segments = [.. segments.Select((text, i) => new Segment(i, 0, i, i + 1, text, [new Word(text, i, i + 1, 1)]))],
        };
        using var stream = new MemoryStream();
        TranscriptFormats.Write(transcript, TranscriptFormats.Json, new FormatSettings(Include: [TranscriptPart.Segments]), stream);
        return Encoding.UTF8.GetString(stream.ToArray());
    }
}
