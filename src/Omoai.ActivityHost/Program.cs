using Omoai.ActivityHost;
using Omoai.Isolation;

return await ActivityHostProcess.RunAsync(args, Handlers.All, Failures.Classify);
