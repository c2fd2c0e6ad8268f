using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;

namespace Omoai.Isolation.TestHost;

/// <summary>Handlers that do what a model's code may do on a bad day. Their input is a number or nothing.</summary>
internal static partial class Misbehaviour
{
    public static IReadOnlyDictionary<string, ActivityHandler> Handlers { get; } = new Dictionary<string, ActivityHandler>
    {
        ["echo"] = (input, _) => Task.FromResult(input),
        ["warmth"] = (input, context) =>
            Result(new[] { s_warm, context.ScratchFolder, Environment.CurrentDirectory, Path.GetTempPath(), $"{Environment.ProcessId}", input.GetRawText() }),
        ["nothing"] = (_, _) => Task.FromResult(default(JsonElement)),
        ["environment"] = (_, _) => Result(File.ReadAllText("/proc/self/environ").Split('\0', StringSplitOptions.RemoveEmptyEntries)),
        ["facts"] = (_, context) => Result(Facts(context)),
        ["trace"] = (_, _) => Result(new[] { Activity.Current?.TraceId.ToHexString(), Activity.Current?.ParentSpanId.ToHexString() }),
        ["progress"] = Progress,
        ["until-file"] = UntilFile,
        ["hang"] = Hang,
        ["wait"] = Wait,
        ["block"] = (_, context) => Block(context),
        ["grandchild"] = LeaveGrandchild,
        ["daemon"] = StartDaemon,
        ["daemon-and-block"] = StartDaemonAndBlock,
        ["run"] = Run,
        ["connect"] = Connect,
        ["write"] = WriteFile,
        ["hold-managed"] = HoldManaged,
        ["hold-native"] = HoldNative,
        ["hold-in-a-child"] = HoldInAChild,
        ["fill-scratch"] = FillScratch,
        ["exit"] = (input, _) => Exit(input.GetInt32()),
        ["exit-after-stderr"] = ExitAfterStderr,
        ["signal"] = Signal,
        ["fault"] = (_, _) => Fault(),
        ["fail-fast"] = (_, _) => FailFast(),
        ["refuse"] = (_, _) => throw new ArgumentException("no speech in it"),
        ["cancel-itself"] = (_, _) => throw new OperationCanceledException("gave up"),
        ["throw"] = (_, _) => throw new InvalidOperationException("one\nline\tonly"),
        ["out-of-memory"] = (_, _) => throw new OutOfMemoryException(),
        ["allocate"] = Allocate,
        ["bad-alloc"] = (_, _) => BadAlloc(),
        ["flood"] = Flood,
        ["garbage"] = (_, context) => WriteRaw([.. "not a frame at all"u8], context),
        ["huge-frame"] = (_, context) => WriteRaw([0, 0, 0, 0x40, 4], context),
        ["bad-reply"] = (_, context) => WriteRaw([2, 0, 0, 0, 4, .. "{}"u8], context),
        ["bad-json"] = (_, context) => WriteRaw([2, 0, 0, 0, 4, .. "{{"u8], context),
        ["request-frame"] = (_, context) => WriteRaw([2, 0, 0, 0, 2, .. "{}"u8], context),
        ["no-reason"] = (_, context) => WriteReply("""{"failure":{"class":"crashed","retryable":true}}""", context),
        ["no-such-class"] = (_, context) => WriteReply("""{"failure":{"class":77,"retryable":true,"reason":"r"}}""", context),
        ["says-cancelled"] = (_, context) =>
            WriteReply("""{"failure":{"class":"cancelled","retryable":true,"reason":"r"}}""", context),
        ["half-frame"] = HalfFrame,
        ["large-output"] = (input, _) => Result(new string('x', input.GetInt32())),
        ["linger"] = (_, context) => WriteReply("""{"output":7}""", context),
        ["use-driver"] = (input, _) => Result(FakeGpu.Use(input.GetString()!)),
        ["use-gpu"] = UseGpu,
        ["negative-gpu-memory"] = (_, context) =>
            WriteReply("""{"output":1,"gpuMemory":{"beforeBytes":-1,"afterBytes":5,"isOwn":true}}""", context),
        ["use-heap"] = (input, _) => Result(NativeHeap.Use(input.GetInt32())),
    };

    /// <summary>What a warm-up did, for the handler to show.</summary>
    private static string s_warm = "cold";

    /// <summary>Their input is how they are to behave, or what the handler shall find.</summary>
    public static IReadOnlyDictionary<string, ActivityWarmUp> WarmUps { get; } = new Dictionary<string, ActivityWarmUp>
    {
        ["warmth"] = WarmUp,
        ["until-file"] = WarmUp,
    };

    private static async Task WarmUp(JsonElement input, ActivityContext context)
    {
        var how = input.GetString()!;
        switch (how)
        {
            case "refuse":
                throw new ArgumentException("no such model");
            case "exit":
                await Exit(3);
                break;
            case "hang":
                await Task.Delay(Timeout.Infinite);
                break;
            case var file when file.StartsWith('/'):
                // Until the test lets it.
                while (!File.Exists(file))
                    await Task.Delay(5);
                break;
        }
        s_warm = $"{how} in {context.ScratchFolder}";
    }

    public static ActivityFailure? Classify(Exception exception) => exception is ArgumentException
        ? new ActivityFailure(FailureClass.BadInput, false, exception.Message)
        : null;

    private static Task<JsonElement> Result<T>(T value) => Task.FromResult(JsonSerializer.SerializeToElement(value));

    private static Dictionary<string, string> Facts(ActivityContext context) => new()
    {
        ["pid"] = $"{Environment.ProcessId}",
        ["stat"] = File.ReadAllText("/proc/self/stat"),
        ["status"] = File.ReadAllText("/proc/self/status"),
        ["stdin"] = new FileInfo("/proc/self/fd/0").LinkTarget ?? "",
        ["inherited"] = string.Join(' ', InheritedDescriptors()),
        ["folder"] = Environment.CurrentDirectory,
        ["scratch"] = context.ScratchFolder,
        ["temp"] = Path.GetTempPath(),
        ["oom"] = File.ReadAllText("/proc/self/oom_score_adj").Trim(),
        ["limits"] = File.ReadAllText("/proc/self/limits"),
        ["nice"] = string.Join(' ', Directory.EnumerateDirectories("/proc/self/task").Select(NiceOf).Distinct()),
    };

    /// <summary>What is open without close-on-exec, which this process sets on all it opens itself.</summary>
    public static IEnumerable<string> InheritedDescriptors()
    {
        foreach (var file in Directory.EnumerateFileSystemEntries("/proc/self/fdinfo"))
        {
            string[] lines;
            try
            {
                lines = File.ReadAllLines(file);
            }
            catch (IOException)
            {
                continue;
            }
            var flags = lines.First(line => line.StartsWith("flags:", StringComparison.Ordinal));
            if ((Convert.ToInt64(flags[6..].Trim(), 8) & 0x80000) == 0)
                yield return Path.GetFileName(file);
        }
    }

    private static string NiceOf(string task)
    {
        var stat = File.ReadAllText(Path.Combine(task, "stat"));
        return stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[16];
    }

    private static async Task<JsonElement> Progress(JsonElement input, ActivityContext context)
    {
        context.Progress(0.25, "a quarter");
        await Task.Delay(100);
        context.Progress(double.NaN);
        context.Progress(7, new string('m', 1000));
        return input;
    }

    private static async Task<JsonElement> Wait(JsonElement input, ActivityContext context)
    {
        context.Progress(0, $"{Environment.ProcessId}");
        await Task.Delay(Timeout.Infinite, context.CancellationToken);
        return input;
    }

    /// <summary>Goes on until the test makes the file, and a while longer.</summary>
    private static async Task<JsonElement> UntilFile(JsonElement input, ActivityContext context)
    {
        context.Progress(0, $"{Environment.ProcessId}");
        while (!File.Exists(input.GetString()))
            await Task.Delay(20, context.CancellationToken);
        await Task.Delay(200, context.CancellationToken);
        return input;
    }

    private static Task<JsonElement> Hang(JsonElement input, ActivityContext context)
    {
        context.Progress(0, $"{Environment.ProcessId}");
        Thread.Sleep(Timeout.Infinite);
        return Task.FromResult(input);
    }

    /// <summary>Starts a process that runs on, and blocks in native code.</summary>
    private static Task<JsonElement> Block(ActivityContext context)
    {
        using var child = Process.Start("sleep", "1000");
        context.Progress(1, $"{Environment.ProcessId} {child.Id}");
        for (; ; )
            _ = Sleep(1000);
    }

    private static Task<JsonElement> LeaveGrandchild(JsonElement input, ActivityContext context)
    {
        using var child = Process.Start("sleep", "1000");
        return Result(child.Id);
    }

    /// <summary>
    /// Starts what has no parent any more and, as far as it knows, a session of its own; or what the input, a script, starts instead.
    /// Gives back its pid and its parent's.
    /// </summary>
    private static async Task<JsonElement> StartDaemon(JsonElement input, ActivityContext context)
    {
        var file = Path.Combine(context.ScratchFolder, $"daemon-{Environment.ProcessId}");
        var body = $"echo $$ > {file}.new; mv {file}.new {file}; exec sleep 1000";
        var script = (input.ValueKind == JsonValueKind.String ? input.GetString()! : "(setsid sh -c 'BODY' > /dev/null 2>&1 &)")
            .Replace("BODY", body, StringComparison.Ordinal);
        using var shell = Process.Start("bash", ["-c", script]);
        await shell.WaitForExitAsync(context.CancellationToken);
        while (!File.Exists(file))
            await Task.Delay(10, context.CancellationToken);
        var pid = File.ReadAllText(file).Trim();
        var stat = File.ReadAllText($"/proc/{pid}/stat");
        int[] pids = [.. new[] { pid, stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[1] }.Select(int.Parse)];
        return JsonSerializer.SerializeToElement(pids);
    }

    private static async Task<JsonElement> StartDaemonAndBlock(JsonElement input, ActivityContext context)
    {
        var daemon = (await StartDaemon(input, context))[0].GetInt32();
        context.Progress(1, $"{Environment.ProcessId} {daemon}");
        for (; ; )
            _ = Sleep(1000);
    }

    /// <summary>Runs a script; gives back its exit code and what it wrote to stdout and stderr.</summary>
    private static async Task<JsonElement> Run(JsonElement input, ActivityContext context)
    {
        using var shell = Process.Start(new ProcessStartInfo("bash", ["-c", $"exec 2>&1; {input.GetString()}"])
        {
            RedirectStandardOutput = true,
        })!;
        var output = await shell.StandardOutput.ReadToEndAsync(context.CancellationToken);
        await shell.WaitForExitAsync(context.CancellationToken);
        return JsonSerializer.SerializeToElement(new[] { $"{shell.ExitCode}", output.Trim() });
    }

    /// <summary>Connects to a port of this machine; gives back what came of it.</summary>
    private static async Task<JsonElement> Connect(JsonElement input, ActivityContext context)
    {
        try
        {
            using var client = new TcpClient();
            await client.ConnectAsync(IPAddress.Loopback, input.GetInt32(), context.CancellationToken);
            return JsonSerializer.SerializeToElement("connected");
        }
        catch (SocketException e)
        {
            return JsonSerializer.SerializeToElement($"{e.SocketErrorCode}");
        }
    }

    /// <summary>Writes a file of so many bytes; gives back its mode.</summary>
    private static Task<JsonElement> WriteFile(JsonElement input, ActivityContext context)
    {
        using (var file = File.Create("written"))
        {
            for (var left = input.GetInt32(); left > 0; left -= 1 << 16)
                file.Write(new byte[Math.Min(left, 1 << 16)]);
        }
        return Result(OperatingSystem.IsWindows() ? 0 : (int)File.GetUnixFileMode("written"));
    }

    private static async Task<JsonElement> HoldManaged(JsonElement input, ActivityContext context)
    {
        var blocks = new List<byte[]>();
        for (var left = input.GetInt32(); left > 0; left--)
        {
            blocks.Add(new byte[1 << 20]);
            blocks[^1].AsSpan().Fill(1);
        }
        await Task.Delay(Timeout.Infinite, context.CancellationToken);
        return JsonSerializer.SerializeToElement(blocks.Count);
    }

    private static unsafe Task<JsonElement> HoldNative(JsonElement input, ActivityContext context)
    {
        var length = (nuint)input.GetInt32() << 20;
        NativeMemory.Fill(NativeMemory.Alloc(length), length, 1);
        return Hang(input, context);
    }

    /// <summary>The second of three processes keeps all of it, since the last doesn't read.</summary>
    private static Task<JsonElement> HoldInAChild(JsonElement input, ActivityContext context) =>
        Run(JsonSerializer.SerializeToElement($"head -c {input.GetInt32()}M /dev/zero | tail -c {input.GetInt32()}M | sleep 1000"), context);

    /// <summary>Writes so many files of 4 KiB in folders of 100, and waits.</summary>
    private static async Task<JsonElement> FillScratch(JsonElement input, ActivityContext context)
    {
        for (var i = 0; i < input.GetInt32(); i++)
            File.WriteAllBytes(Path.Combine(Directory.CreateDirectory($"folder-{i / 100}").FullName, $"{i}"), new byte[4096]);
        await Task.Delay(Timeout.Infinite, context.CancellationToken);
        return input;
    }

    private static Task<JsonElement> Exit(int code)
    {
        Environment.Exit(code);
        return Result(0);
    }

    private static Task<JsonElement> ExitAfterStderr(JsonElement input, ActivityContext context)
    {
        Console.Error.WriteLine("the device caught fire\n   at Some.Frame()\nsecond line");
        return Exit(3);
    }

    private static async Task<JsonElement> Signal(JsonElement input, ActivityContext context)
    {
        _ = Kill(Environment.ProcessId, input.GetInt32());
        await Task.Delay(Timeout.Infinite, context.CancellationToken);
        return input;
    }

    private static Task<JsonElement> Fault()
    {
        // Within native code, so that it is no NullReferenceException.
        _ = StringLength(8);
        return Result(0);
    }

    private static Task<JsonElement> FailFast()
    {
        Environment.FailFast("the runtime gave up");
        return Result(0);
    }

    private static Task<JsonElement> Allocate(JsonElement input, ActivityContext context)
    {
        var block = new byte[input.GetInt32()];
        for (var i = 0; i < block.Length; i += 4096)
            block[i] = 1;
        return Result(block.Length);
    }

    private static Task<JsonElement> BadAlloc()
    {
        Console.Error.WriteLine("terminate called after throwing an instance of 'std::bad_alloc'");
        Abort();
        return Result(0);
    }

    private static Task<JsonElement> Flood(JsonElement input, ActivityContext context)
    {
        var line = new string('x', 999) + "\n";
        Console.Write("first line\n");
        for (var i = 0; i < input.GetInt32(); i++)
        {
            Console.Out.Write(line);
            Console.Error.Write(line);
        }
        Console.Write("last line\n");
        return Task.FromResult(input);
    }

    /// <summary>Writes to the socket behind the protocol's back, then waits to be ended.</summary>
    private static async Task<JsonElement> WriteRaw(byte[] bytes, ActivityContext context)
    {
        Write(bytes);
        await Task.Delay(Timeout.Infinite, context.CancellationToken);
        return default;
    }

    private static Task<JsonElement> WriteReply(string json, ActivityContext context) =>
        WriteRaw([(byte)json.Length, 0, 0, 0, 4, .. Encoding.UTF8.GetBytes(json)], context);

    private static Task<JsonElement> HalfFrame(JsonElement input, ActivityContext context)
    {
        Write([100, 0, 0, 0, 4, (byte)'{']);
        return Exit(0);
    }

    /// <summary>Has so much GPU memory from now on; fails where that is none.</summary>
    private static Task<JsonElement> UseGpu(JsonElement input, ActivityContext context)
    {
        FakeGpu.Memory = new GpuMemory(input.GetInt64(), null);
        return input.GetInt64() > 0 ? Task.FromResult(input) : throw new ArgumentException("none");
    }

    private static void Write(byte[] bytes)
    {
        foreach (var file in Directory.EnumerateFileSystemEntries("/proc/self/fd"))
        {
            var fd = int.Parse(Path.GetFileName(file), System.Globalization.CultureInfo.InvariantCulture);
            // The one connected socket that takes bytes is the pipe to the parent.
            if (new FileInfo(file).LinkTarget?.StartsWith("socket:", StringComparison.Ordinal) == true)
                _ = Send(fd, bytes, bytes.Length, 0x4000);
        }
    }

    [LibraryImport("libc", EntryPoint = "sleep")]
    private static partial uint Sleep(uint seconds);

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int pid, int signal);

    [LibraryImport("libc", EntryPoint = "abort")]
    private static partial void Abort();

    [LibraryImport("libc", EntryPoint = "strlen")]
    private static partial nint StringLength(nint text);

    [LibraryImport("libc", EntryPoint = "send")]
    private static partial nint Send(int fd, byte[] bytes, nint length, int flags);
}
