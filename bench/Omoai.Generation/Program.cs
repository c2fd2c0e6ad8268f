using System.Globalization;
using Omoai.Generation;

CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
var quick = args.Contains("--quick");
var parts = args.Skip(1).Where(argument => argument != "--quick").ToList();
var work = Directory.CreateTempSubdirectory("omoai-language-bench-").FullName;
try
{
    var bench = new Bench(args[0], work, quick);
    foreach (var part in parts.Count > 0 ? parts : ["alignment", "transcript", "tokens"])
    {
        await (part switch
        {
            "alignment" => new Alignment(bench).RunAsync(),
            "transcript" => new LongTranscript(bench).RunAsync(),
            "tokens" => new Tokens(bench).RunAsync(),
            _ => throw new ArgumentException($"There is no part '{part}': alignment, transcript, tokens."),
        });
    }

    return bench.End();
}
finally
{
    Directory.Delete(work, recursive: true);
}
