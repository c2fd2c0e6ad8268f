using System.CommandLine;
using Omoai.Transcripts.Activities;

namespace Omoai.Local.Commands;

/// <summary>The <c>omoai</c> command.</summary>
internal static class OmoaiCommandLine
{
    public static async Task<int> RunAsync(string[] args)
    {
        var verbose = new Option<bool>("--verbose") { Description = "Write a structured log to standard error.", Recursive = true };
        var root = new RootCommand(
            "Omoai turns recorded speech into a punctuated transcript and a summary.\n\n" +
            "Start with:  omoai process samples/standup.wav\n" +
            "As a server: omoai serve\n" +
            "What this machine can do:  omoai doctor\n\n" +
            "Exit codes: 0 done, 2 usage, 3 the audio can't be used, 4 an activity failed after its attempts, " +
            "5 something this machine lacks, 130 interrupted.")
        {
            verbose,
            ProcessCommand.Create(verbose),
            ServeCommand.Create(verbose),
            StageCommands.CreatePrepare(verbose),
            StageCommands.CreateTranscribe(verbose),
            StageCommands.CreatePostProcess(verbose),
            CompareCommand.Create(),
            ModelsCommand.Create(verbose),
            DoctorCommand.Create(verbose),
        };

        var command = root.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (command.Errors.Count > 0)
        {
            await command.InvokeAsync();
            return ExitCodes.Usage;
        }

        try
        {
            return await command.InvokeAsync(new InvocationConfiguration
            {
                EnableDefaultExceptionHandler = false,
                // A second Ctrl+C, or ten seconds, ends a program that doesn't stop by itself. A server drains, by its own rules.
                ProcessTerminationTimeout = command.CommandResult.Command.Name == ServeCommand.Name ? null : TimeSpan.FromSeconds(10),
            });
        }
        catch (OperationCanceledException)
        {
            return Fail(ExitCodes.Interrupted, "The command was cancelled.");
        }
        catch (MissingRequirementException e)
        {
            return Fail(ExitCodes.MachineLacks, e.Message);
        }
        catch (BadInputException e)
        {
            return Fail(ExitCodes.BadInput, e.Message);
        }
        catch (UsageException e)
        {
            return Fail(ExitCodes.Usage, e.Message);
        }
        catch (Exception e) when (!command.GetValue(verbose))
        {
            return Fail(ExitCodes.ActivityFailed, $"{e.Message} (Unexpected: --verbose shows where.)");
        }
    }

    /// <summary>Sets what a command does. Ctrl+C is listened to only once the action has given up the thread for the first time: so it does
    /// that before anything else, or an interrupt while it begins would end the program without a word.</summary>
    public static void SetInterruptibleAction(this Command command, Func<ParseResult, CancellationToken, Task<int>> action) =>
        command.SetAction(async (parsed, cancellationToken) =>
        {
            await Task.Yield();
            return await action(parsed, cancellationToken);
        });

    /// <summary>One line on standard error.</summary>
    public static int Fail(int exitCode, string message)
    {
        Console.Error.WriteLine($"omoai: {message}");
        return exitCode;
    }
}

/// <summary>The command line asks for something that can't be done as it stands.</summary>
internal sealed class UsageException(string message, Exception? inner = null) : Exception(message, inner);
