using Omoai.Local.Commands;

return await OmoaiCommandLine.RunAsync(args);
