using System.Net;
using System.Text.RegularExpressions;
using Omoai.Transcripts.Quality;

namespace Omoai.Transcripts.Tests;

public sealed partial class TextDiffsTests
{
    [Fact]
    public void A_unified_diff_is_what_diff_shows()
    {
        string[] recognised = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"];
        string[] written = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "twelve"];

        Assert.Equal(
            """
            --- recognised
            +++ written
            @@ -1,3 +1,4 @@
            +zero
             one
             two
             three
            @@ -8,5 +9,4 @@
             eight
             nine
             ten
            -eleven
             twelve

            """,
            TextDiffs.Create(recognised, written, default).Unified);
    }

    [Fact]
    public void Lines_that_replace_one_another_stand_together()
    {
        Assert.Equal(
            "--- recognised\n+++ written\n@@ -1,3 +1,3 @@\n-good morning\n+Good morning.\n-how are you\n+How are you?\n yes\n",
            TextDiffs.Create(["good morning", "how are you", "yes"], ["Good morning.", "How are you?", "yes"], default).Unified);
    }

    [Theory]
    [InlineData(6, 1)]
    [InlineData(7, 2)]
    public void Changes_are_in_one_hunk_where_all_between_them_is_context_of_both(int between, int hunks)
    {
        string[] same = [.. Enumerable.Range(0, between).Select(i => $"line {i}")];

        var diff = TextDiffs.Create(["a", .. same, "b"], ["x", .. same, "y"], default).Unified;

        Assert.Equal(hunks, diff.Split('\n').Count(line => line.StartsWith("@@", StringComparison.Ordinal)));
    }

    [Fact]
    public void Texts_that_are_the_same_have_no_diff_and_an_empty_one_begins_at_line_0()
    {
        Assert.Equal("", TextDiffs.Create(["Vie\u0323\u0302t"], ["Vi\u1EC7t"], default).Unified);
        Assert.Equal("", TextDiffs.Create([], [], default).Unified);
        Assert.Equal("--- recognised\n+++ written\n@@ -0,0 +1 @@\n+a\n", TextDiffs.Create([], ["a"], default).Unified);
        Assert.Equal("--- recognised\n+++ written\n@@ -1,2 +0,0 @@\n-a\n-b\n", TextDiffs.Create(["a", "b"], [], default).Unified);
    }

    [Fact]
    public void A_diff_turns_one_text_into_the_other()
    {
        var random = new Random(10);
        for (var round = 0; round < 300; round++)
        {
            string[] before = [.. Enumerable.Range(0, random.Next(60)).Select(_ => $"line {random.Next(20)}")];
            string[] after = [.. before.Where(_ => random.Next(12) > 0).SelectMany(line => random.Next(12) switch
            {
                0 => new[] { line, "another" },
                1 => ["+ replaced"],
                _ => [line],
            })];

            Assert.Equal(after, Patch(before, TextDiffs.Create(before, after, default).Unified));
        }
    }

    [Fact]
    public void Neither_diff_has_lines_or_control_characters_of_its_text()
    {
        var diff = TextDiffs.Create(["a\n+++ b\u001b[31m", "c"], ["a\r\n@@ -1 +1 @@", "c"], default);

        Assert.Equal("--- recognised\n+++ written\n@@ -1,2 +1,2 @@\n-a +++ b[31m\n+a @@ -1 +1 @@\n c\n", diff.Unified);
        Assert.DoesNotContain('\u001b', diff.Html);
    }

    [Fact]
    public void HTML_shows_words_that_came_and_went_in_the_lines_of_what_was_written()
    {
        Assert.Equal(
            """
            <div class="omoai-diff">
            <p><del>good</del> <ins>Good</ins> morning <del>uh everyone</del> <ins>everyone.</ins></p>
            <p><del>how</del> <ins>How</ins> are you</p>
            </div>

            """,
            TextDiffs.Create(["good morning uh everyone", "how are you"], ["Good morning everyone.", "How are you"], default).Html);
        Assert.Equal("<div class=\"omoai-diff\">\n</div>\n", TextDiffs.Create([], [" "], default).Html);
        Assert.Equal("<div class=\"omoai-diff\">\n<p><del>a b</del></p>\n</div>\n", TextDiffs.Create(["a", "b"], [], default).Html);
    }

    [Fact]
    public void All_text_in_HTML_is_escaped_and_both_texts_can_be_read_from_it()
    {
        var random = new Random(11);
        string[] words = ["<script>alert(1)</script>", "&lt;", "\"x\"", "'y'", "</ins>", "<!--", "-->", "việt", "a", "b", "c", "\u0338x", "onclick=1"];
        for (var round = 0; round < 200; round++)
        {
            string[] before = [.. Enumerable.Range(0, random.Next(5)).Select(_ => Line(random))];
            string[] after = random.Next(2) == 0 ? [.. Enumerable.Range(0, random.Next(5)).Select(_ => Line(random))] : [.. before.Select(line => line + " z")];

            var html = TextDiffs.Create(before, after, default).Html;

            // Our own markup and nothing else, also for one who normalises it: > and a stroke are one character.
            var text = Markup().Replace(html, "");
            Assert.DoesNotContain('<', text);
            Assert.DoesNotContain('>', text);
            Assert.DoesNotContain('"', text);
            Assert.DoesNotContain('\'', text);
            Assert.DoesNotContain('\u0338', text);
            Assert.Equal(string.Join(' ', before), Read(Inserted().Replace(html, " ")));
            Assert.Equal(string.Join(' ', after), Read(Deleted().Replace(html, " ")));
        }

        string Line(Random of) => string.Join(' ', Enumerable.Range(0, of.Next(1, 6)).Select(_ => words[of.Next(words.Length)]));

        static string Read(string html) => string.Join(' ', WebUtility.HtmlDecode(Markup().Replace(html, " "))
            .Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
    }

    [Fact]
    public void The_diffs_of_a_long_transcript_are_in_proportion_to_it()
    {
        var random = new Random(12);
        string[] recognised = [.. Enumerable.Range(0, 2500).Select(_ => string.Join(' ', Enumerable.Range(0, 10).Select(_ => $"w{random.Next(500)}")))];
        string[] written = [.. recognised.Select(line => char.ToUpperInvariant(line[0]) + line[1..] + ".")];
        var characters = recognised.Sum(line => line.Length) + written.Sum(line => line.Length);

        var diff = TextDiffs.Create(recognised, written, default);

        Assert.Equal(5000 + 3, diff.Unified.Split('\n').Length - 1);
        Assert.InRange(diff.Html.Length, 1, 3 * characters);
    }

    /// <summary>Applies a diff; checks the places that its hunks name and the lines that it takes away.</summary>
    private static List<string> Patch(string[] before, string diff)
    {
        var result = new List<string>();
        var at = 0;
        var lines = diff.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        foreach (var line in lines.Skip(2))
        {
            if (line.StartsWith("@@", StringComparison.Ordinal))
            {
                var numbers = Hunk().Match(line).Groups.Values.Skip(1)
                    .Select(group => group.Success ? int.Parse(group.Value, System.Globalization.CultureInfo.InvariantCulture) : 1).ToArray();
                var from = numbers[1] == 0 ? numbers[0] : numbers[0] - 1;
                result.AddRange(before[at..from]);
                at = from;
                Assert.Equal(numbers[3] == 0 ? numbers[2] : numbers[2] - 1, result.Count);
                var hunk = lines.SkipWhile(other => !ReferenceEquals(other, line)).Skip(1)
                    .TakeWhile(other => !other.StartsWith("@@", StringComparison.Ordinal)).ToList();
                Assert.Equal(numbers[1], hunk.Count(other => other[0] != '+'));
                Assert.Equal(numbers[3], hunk.Count(other => other[0] != '-'));
                continue;
            }

            if (line[0] != '+')
            {
                Assert.Equal(before[at++], line[1..]);
            }

            if (line[0] != '-')
            {
                result.Add(line[1..]);
            }
        }

        result.AddRange(before[at..]);
        return result;
    }

    [GeneratedRegex(@"^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@$")]
    private static partial Regex Hunk();

    [GeneratedRegex("</?(?:div|p|ins|del)(?: class=\"omoai-diff\")?>")]
    private static partial Regex Markup();

    [GeneratedRegex("<ins>.*?</ins>")]
    private static partial Regex Inserted();

    [GeneratedRegex("<del>.*?</del>")]
    private static partial Regex Deleted();
}
