using System.Globalization;
using Omoai.Accuracy;

// Prints the table of bench/accuracy. WORK/ROW holds what was said (NN.txt), WORK/out/beam/ROW and WORK/out/greedy/ROW
// what omoai made of the recordings (NN/final.json).
CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
if (args is not [var work])
{
    Console.Error.WriteLine("Usage: accuracy WORK");
    return 2;
}

(string Folder, string Name)[] known =
[
    ("sample", "`samples/standup.wav`"),
    ("trained", "unseen sentences, trained voices"),
    ("rms", "unseen sentences, flite `rms` (never trained on)"),
    ("variants", "unseen sentences, espeak-ng variants never trained on"),
    ("templates", "held-out templates, trained voices"),
    ("rms-templates", "held-out templates, flite `rms`"),
    ("people", "real people (five clips, four of them in English)"),
];
var rows = known.Where(row => Directory.Exists(Path.Combine(work, row.Folder)))
    .Select(row => Row.Read(work, row.Folder, row.Name)).ToList();

Console.WriteLine("| set | words | WER greedy | WER | sentence ends | commas | questions | inner capitals |");
Console.WriteLine("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
foreach (var row in rows)
{
    var (errors, marks) = (row.Errors, row.Punctuation);
    Console.WriteLine(
        $"| {row.Name} | {errors.ReferenceLength:N0} | {row.GreedyErrors.Rate:P1} | **{errors.Rate:P1}** | "
        + (row.Punctuated
            ? $"{marks.SentenceEnds.F1:F2} | {marks.Commas.F1:F2} | {marks.Questions.F1:F2} | {marks.InnerCapitals.F1:F2} |"
            : "- | - | - | - |"));
}

// People are left out: all of their words are wrong, however sure the model is.
var words = new Calibration(rows.Where(row => row.Folder is not ("sample" or "people")).SelectMany(row => row.Words));
Console.WriteLine();
Console.WriteLine(words);
foreach (var row in rows)
{
    Console.WriteLine($"figure wer_{row.Folder.Replace('-', '_')} {row.Errors.Rate:F4}");
}

foreach (var row in rows.Where(row => row.Folder == "templates"))
{
    Console.WriteLine($"figure f1_sentence_ends {row.Punctuation.SentenceEnds.F1:F3}");
    Console.WriteLine($"figure f1_commas {row.Punctuation.Commas.F1:F3}");
    Console.WriteLine($"figure f1_questions {row.Punctuation.Questions.F1:F3}");
    Console.WriteLine($"figure f1_inner_capitals {row.Punctuation.InnerCapitals.F1:F3}");
}

Console.WriteLine($"figure errors_in_least_confident_fifth {words.ErrorsInLowestFifth:F3}");
return 0;
