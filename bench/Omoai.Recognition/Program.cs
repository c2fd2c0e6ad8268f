using System.Globalization;
using Omoai.Recognition;

CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
var quick = args.Contains("--quick");
var parts = args.Skip(1).Where(argument => argument != "--quick").ToList();
var work = Directory.CreateTempSubdirectory("omoai-speech-bench-").FullName;
try
{
    var bench = new Bench(args[0], work, quick);
    foreach (var part in parts.Count > 0 ? parts : ["peers", "features", "lengths"])
    {
        await (part switch
        {
            "peers" => new Peers(bench).RunAsync(),
            "features" => new Features(bench).RunAsync(),
            "lengths" => new Lengths(bench).RunAsync(),
            _ => throw new ArgumentException($"There is no part '{part}': peers, features, lengths."),
        });
    }

    return bench.End();
}
finally
{
    Directory.Delete(work, recursive: true);
}
