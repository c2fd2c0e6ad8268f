using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using Omoai.Isolation.Linux;

namespace Omoai.Isolation.TestHost;

/// <summary>
/// A small HTTP server that behaves as its mode says and as its paths are asked to: <c>/facts</c> and <c>/child</c> tell,
/// <c>/heal</c>, <c>/sicken</c> and <c>/hush</c> change how it answers from then on, <c>/exit</c> ends it.
/// </summary>
internal static class TestServer
{
    public static async Task<int> RunAsync(int port, string mode, string[] arguments)
    {
        using var ignored = mode == "ignore-term" ? PosixSignalRegistration.Create(PosixSignal.SIGTERM, signal => signal.Cancel = true) : null;
        using var child = mode == "grandchild" ? StartChild() : null;
        if (mode == "flood")
            new Thread(Flood) { IsBackground = true }.Start();
        using var listener = new TcpListener(IPAddress.Loopback, port);
        listener.Start();
        Console.Error.WriteLine($"serving on {port}");
        Console.Out.WriteLine("hello from stdout");

        var answer = mode == "unready" ? "503 Unavailable" : "200 OK";
        while (true)
        {
            // Those that get no answer are kept until the end.
            var client = await listener.AcceptTcpClientAsync();
            var path = await ReadPathAsync(client.GetStream());
            var body = "";
            switch (path)
            {
                case "/facts":
                    body = JsonSerializer.Serialize(Facts(arguments));
                    break;
                case "/child":
                    body = $"{child?.Id}";
                    break;
                case "/heal":
                    answer = "200 OK";
                    break;
                case "/sicken":
                    answer = "500 Error";
                    break;
                case "/hush":
                    answer = null;
                    break;
                case "/exit":
                    Console.Error.WriteLine("told to exit");
                    return 3;
            }
            if (answer is null && path != "/hush")
                continue;
            var status = path == "/" ? answer : "200 OK";
            await client.GetStream().WriteAsync(
                Encoding.UTF8.GetBytes($"HTTP/1.1 {status}\r\nContent-Length: {Encoding.UTF8.GetByteCount(body)}\r\n\r\n{body}"));
            client.Dispose();
        }
    }

    private static Dictionary<string, string> Facts(string[] arguments) => new()
    {
        ["arguments"] = string.Join('|', arguments),
        ["environment"] = File.ReadAllText("/proc/self/environ"),
        ["descriptors"] = string.Join(' ', Misbehaviour.InheritedDescriptors().Select(
            fd => $"{fd}={new FileInfo($"/proc/self/fd/{fd}").LinkTarget?.Split(':')[0]}")),
        ["death-signal"] = $"{DeathSignal()}",
        ["pid"] = $"{Environment.ProcessId}",
        ["stat"] = File.ReadAllText("/proc/self/stat"),
        ["folder"] = Environment.CurrentDirectory,
    };

    /// <summary>Starts one as Python does: it inherits descriptors 0 to 2 and no others.</summary>
    private static Process StartChild()
    {
        const int SetDescriptorFlags = 2, CloseOnExec = 1;
        foreach (var fd in Misbehaviour.InheritedDescriptors().Select(int.Parse).Where(fd => fd > 2))
            _ = Libc.Fcntl(fd, SetDescriptorFlags, CloseOnExec);
        return Process.Start("sleep", "1000");
    }

    private static unsafe int DeathSignal()
    {
        const int GetDeathSignal = 2;
        int signal;
        return Libc.Prctl(GetDeathSignal, (nuint)(&signal)) == 0 ? signal : -1;
    }

    private static void Flood()
    {
        var line = new string('x', 5000);
        while (true)
            Console.Error.WriteLine(line);
    }

    private static async Task<string> ReadPathAsync(NetworkStream stream)
    {
        using var reader = new StreamReader(stream, leaveOpen: true);
        var request = await reader.ReadLineAsync();
        while (await reader.ReadLineAsync() is { Length: > 0 })
        {
            // Headers say nothing of interest.
        }
        return request?.Split(' ') is [_, var path, _] ? path : "";
    }
}
