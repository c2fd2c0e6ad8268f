using System.Globalization;
using Omoai.Processes;

CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
switch (args)
{
    // Parents of their own, that the bench starts and kills.
    case ["worker", var host, var folder, var count]:
        return await Worker.RunManyAsync(host, folder, int.Parse(count));
    case ["parent", var host, var folder, var leases]:
        return await Worker.RunOneAsync(host, folder, leases);
    default:
        var quick = args.Contains("--quick");
        var parts = args.Skip(1).Where(argument => argument != "--quick").ToList();
        using (var bench = new Bench(args[0], quick))
        {
            return await bench.RunAsync(parts.Count > 0 ? parts : ["latency", "peers", "thousand", "faults", "leases"]);
        }
}
