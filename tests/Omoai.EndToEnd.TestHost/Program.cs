using Omoai.EndToEnd.TestHost;
using Omoai.Isolation;

return await ActivityHostProcess.RunAsync(args, Activities.All, _ => null);
