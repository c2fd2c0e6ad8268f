using Omoai.Isolation;
using Omoai.Isolation.TestHost;

// As a parent: starts hosts of its own, and is killed by the test meanwhile.
if (args is ["count-leaks", var folder])
    return await Parent.CountLeaksAsync(folder);
if (OperatingSystem.IsLinux() && args is ["few-descriptors", var room])
    return await Parent.StartWithFewDescriptorsAsync(room);
if (args is ["parent" or "portable-parent", var activity, var scratch])
    return await Parent.RunAsync(activity, scratch, portable: args[0] != "parent");

return await ActivityHostProcess.RunAsync(args, Misbehaviour.Handlers, Misbehaviour.Classify);
