using System.Globalization;
using Omoai.Isolation;
using Omoai.Isolation.TestHost;

// As a parent: starts hosts of its own, and is killed by the test meanwhile.
if (args is ["count-leaks", var folder])
    return await Parent.CountLeaksAsync(folder);
if (args is ["driver-parent", var library, var hosts, _])
    return await Parent.UseDriverAsync(library, int.Parse(hosts, System.Globalization.CultureInfo.InvariantCulture), args[^1]);
if (args is ["heap-parent", _])
    return await Parent.UseHeapAsync(args[^1]);
if (OperatingSystem.IsLinux() && args is ["few-descriptors", var room])
    return await Parent.StartWithFewDescriptorsAsync(room);
if (args is ["parent" or "portable-parent" or "device-parent" or "standby-parent", var activity, var scratch])
    return await Parent.RunAsync(args[0], activity, scratch);
if (args is ["server-parent", var port, var mode, var place])
    return await Parent.SuperviseAsync(int.Parse(port, CultureInfo.InvariantCulture), mode, place);
// As a server that is no host.
if (args is ["serve-http", var listenOn, var behaviour, ..])
    return await TestServer.RunAsync(int.Parse(listenOn, CultureInfo.InvariantCulture), behaviour, args[3..]);

return await ActivityHostProcess.RunAsync(
    args, Misbehaviour.Handlers, Misbehaviour.Classify, Misbehaviour.WarmUps, () => FakeGpu.Memory);
