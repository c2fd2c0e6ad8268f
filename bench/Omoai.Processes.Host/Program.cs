using System.Diagnostics;
using System.Globalization;
using Omoai.Isolation;
using Omoai.Processes.Host;

// Before anything else, for the breakdown of a start.
Activities.MainAt = Stopwatch.GetTimestamp();
return args switch
{
    ["resident", var pipe, var model, var threads] =>
        await Resident.RunAsync(pipe, model, int.Parse(threads, CultureInfo.InvariantCulture)),
    ["daemon", _] => Faults.RunDaemon(),
    _ => await ActivityHostProcess.RunAsync(args, Activities.All, _ => null, Activities.WarmUps),
};
