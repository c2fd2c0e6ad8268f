using System.Diagnostics;
using System.Net.Http.Headers;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;

namespace Omoai.EndToEnd.Serve;

/// <summary>How a server is started.</summary>
/// <param name="Program">The built <c>omoai</c>.</param>
/// <param name="Data">Its data folder.</param>
/// <param name="Settings">Environment variables, on top of those of this process.</param>
/// <param name="Storage">What <c>--storage</c> says; null leaves it out.</param>
internal sealed record ServerSetup(string Program, string Data, IReadOnlyDictionary<string, string> Settings, string? Storage = null)
{
    public string Store => Path.Combine(Data, "store");

    public string Scratch => Path.Combine(Data, "scratch");

    /// <summary>Its folder for temporary files, so that what it leaves there is found.</summary>
    public string Temp => Path.Combine(Data, "tmp");

    public ProcessStartInfo ToStartInfo(string urls = "http://127.0.0.1:0")
    {
        string[] storage = Storage is null ? [] : ["--storage", Storage];
        var start = new ProcessStartInfo(Program, ["serve", "--data", Data, "--urls", urls, .. storage])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["TMPDIR"] = Directory.CreateDirectory(Temp).FullName;
        foreach (var (name, value) in Settings)
        {
            start.Environment[name] = value;
        }

        return start;
    }
}

/// <summary>A running <c>omoai serve</c>, and a client of its API.</summary>
internal sealed partial class OmoaiServer : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private readonly Process _process;
    private readonly StringBuilder _log;
    private readonly string _url;
    private readonly string _key;

    private OmoaiServer(ServerSetup setup, Process process, StringBuilder log, string url, string key)
    {
        (Setup, _process, _log, _url, _key) = (setup, process, log, url, key);
        Client = new HttpClient { BaseAddress = new Uri(url), Timeout = Patience };
        Client.DefaultRequestHeaders.Add("X-Api-Key", key);
    }

    public ServerSetup Setup { get; }

    public HttpClient Client { get; }

    public int Pid => _process.Id;

    /// <summary>Where it listens.</summary>
    public string Url => _url;

    public string Key => _key;

    /// <summary>What it has written to standard error.</summary>
    public string Log
    {
        get
        {
            lock (_log)
            {
                return _log.ToString();
            }
        }
    }

    /// <summary>Starts one, and comes back when it says that it serves.</summary>
    /// <exception cref="InvalidOperationException">It ended instead; the message has what it wrote.</exception>
    public static async Task<OmoaiServer> StartAsync(ServerSetup setup)
    {
        var log = new StringBuilder();
        var process = new Process { StartInfo = setup.ToStartInfo() };
        process.ErrorDataReceived += (_, line) =>
        {
            lock (log)
            {
                log.AppendLine(line.Data);
            }
        };
        process.Start();
        process.BeginErrorReadLine();
        const string Listens = "Omoai listens on ";
        using var patience = new CancellationTokenSource(Patience);
        var url = "";
        while (await process.StandardOutput.ReadLineAsync(patience.Token) is { } line)
        {
            if (line.StartsWith(Listens, StringComparison.Ordinal))
            {
                url = line[Listens.Length..];
            }

            if (line.EndsWith("Ctrl+C stops.", StringComparison.Ordinal))
            {
                // Its pipe must not fill.
                _ = process.StandardOutput.ReadToEndAsync(CancellationToken.None);
                var key = await File.ReadAllTextAsync(Path.Combine(setup.Data, "api-key"), patience.Token);
                return new OmoaiServer(setup, process, log, url, key.Trim());
            }
        }

        await process.WaitForExitAsync(patience.Token);
        var exit = process.ExitCode;
        process.Dispose();
        throw new InvalidOperationException($"The server ended with code {exit}: {log}");
    }

    /// <summary>Posts a recording, and gives the job's id.</summary>
    public async Task<string> PostAsync(byte[] recording, string name)
    {
        using var content = new ByteArrayContent(recording);
        content.Headers.ContentType = new MediaTypeHeaderValue("audio/wav");
        using var answer = await Client.PostAsync(new Uri($"/api/transcriptions?name={Uri.EscapeDataString(name)}", UriKind.Relative), content);
        return (await ReadAsync(answer)).GetProperty("id").GetString()!;
    }

    public async Task<JsonElement> GetAsync(string path)
    {
        using var answer = await Client.GetAsync(new Uri(path, UriKind.Relative));
        return await ReadAsync(answer);
    }

    public Task<JsonElement> JobAsync(string id) => GetAsync($"/api/transcriptions/{id}");

    public async Task<string> StatusAsync(string id) => (await JobAsync(id)).GetProperty("status").GetString()!;

    /// <summary>Every job it knows of, with its status.</summary>
    public async Task<Dictionary<string, string>> StatusesAsync() =>
        (await GetAsync("/api/transcriptions?limit=1000")).GetProperty("jobs").EnumerateArray()
            .ToDictionary(job => job.GetProperty("id").GetString()!, job => job.GetProperty("status").GetString()!);

    public Task<string> TextAsync(string id) => Client.GetStringAsync(new Uri($"/api/transcriptions/{id}/txt", UriKind.Relative));

    public async Task CancelAsync(string id)
    {
        using var answer = await Client.DeleteAsync(new Uri($"/api/transcriptions/{id}", UriKind.Relative));
        await ReadAsync(answer);
    }

    /// <summary>Waits until a job has ended, and gives its status.</summary>
    public async Task<string> EndOfAsync(string id)
    {
        var status = "";
        await Until.TrueAsync($"job {id} has ended", async () => IsEnd(status = await StatusAsync(id)));
        return status;
    }

    public static bool IsEnd(string status) => status is "succeeded" or "failed" or "cancelled";

    /// <summary>SIGKILL, to it alone.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
    }

    /// <summary>SIGTERM; gives its exit code.</summary>
    public async Task<int> TerminateAsync()
    {
        const int SigTerm = 15;
        _ = Kill(_process.Id, SigTerm);
        using var patience = new CancellationTokenSource(Patience);
        await _process.WaitForExitAsync(patience.Token);
        return _process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        if (!_process.HasExited)
        {
            await KillAsync();
        }

        _process.Dispose();
    }

    private static async Task<JsonElement> ReadAsync(HttpResponseMessage answer)
    {
        var text = await answer.Content.ReadAsStringAsync();
        return answer.IsSuccessStatusCode
            ? JsonDocument.Parse(text).RootElement
            : throw new HttpRequestException($"{(int)answer.StatusCode}: {text}", null, answer.StatusCode);
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int pid, int signal);
}

/// <summary>Waits for what is bound to happen.</summary>
internal static class Until
{
    public static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    public static Task TrueAsync(string what, Func<bool> condition, TimeSpan? patience = null) =>
        TrueAsync(what, () => Task.FromResult(condition()), patience);

    /// <exception cref="TimeoutException">It hasn't happened.</exception>
    public static async Task TrueAsync(string what, Func<Task<bool>> condition, TimeSpan? patience = null)
    {
        var began = Stopwatch.GetTimestamp();
        while (!await condition())
        {
            if (Stopwatch.GetElapsedTime(began) > (patience ?? Patience))
            {
                throw new TimeoutException($"It never happened that {what}.");
            }

            await Task.Delay(20);
        }
    }
}
