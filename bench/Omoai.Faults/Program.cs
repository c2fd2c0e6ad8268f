using System.Globalization;
using Omoai.Faults;

CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
var quick = args.Contains("--quick");
var parts = args.Skip(1).Where(argument => argument != "--quick").ToList();
using var bench = new Bench(args[0], quick);
return await bench.RunAsync(parts.Count > 0 ? parts : ["directory", "azurite", "cancel", "load", "upload"]);
