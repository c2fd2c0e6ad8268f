using Omoai.ActivityHost;
using Omoai.ActivityHost.Cuda;
using Omoai.Isolation;

var handlers = new Handlers();
return await ActivityHostProcess.RunAsync(args, handlers.All, Failures.Classify, handlers.WarmUps, GpuMemoryMeter.Measure);
