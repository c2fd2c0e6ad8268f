using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using Omoai.Transcripts;
using Omoai.Transcripts.Activities;

namespace Omoai.Speech.Audio;

/// <summary>
/// Reads everything that <see cref="WavReader"/> doesn't, through an ffmpeg process that decodes the first audio
/// stream to
/// WAV on its stdout, at the recording's own rate and channels.
/// </summary>
/// <remarks>
/// The recording may be crafted to make ffmpeg read other files or call out. So the demuxers are a list of plain
/// containers
/// (none that names other files, as playlists, concatenations and image sequences do), the only protocol is
/// <c>file</c>, the
/// path is absolute behind <c>file:</c> so that nothing in it is taken for an option, a protocol or a pattern, external
/// references of MOV files stay off (<c>enable_drefs</c>, ffmpeg's default), and the environment holds PATH and LANG
/// only.
/// </remarks>
public sealed class FfmpegReader : IAudioReader
{
    private const string Containers =
        "wav,w64,mp3,mov,ogg,flac,matroska,aac,amr,aiff,caf,au,asf,avi,mpeg,mpegts,flv,ac3,eac3,wv,tta,ape,dsf,voc";

    // The index of a day of AAC in MP4 takes 97 MB, and has to fit: where it doesn't, ffmpeg decodes nothing and
    // reports success.
    private const int MaxAllocationBytes = 256 * 1024 * 1024;

    private const int MaxGapSeconds = 30;

    // Gaps in the recording's own time line become silence, so that times stay those a player shows. aresample makes
    // all of a gap at once, in memory, so what exceeds MaxGapSeconds is first taken out of the time stamps; and so is
    // a jump back by more than a second, for which aresample would drop as much audio. Each such jump is printed, for
    // FfmpegLog, with the next frame's evaluation: there is one more at the end, with a time that means nothing.
    // Variables: 0 the sum of the jumps, 1 when the next frame is due, 2 the last frame's jump; all in seconds.
    private static readonly string Filter = string.Create(CultureInfo.InvariantCulture,
        $"asetpts='if(ld(2),print(ld(2)));st(2,T-ld(0)-ld(1));"
        + $"st(2,if(gt(ld(2),{MaxGapSeconds}),ld(2)-{MaxGapSeconds},if(lt(ld(2),-1),ld(2))));"
        + $"st(0,ld(0)+ld(2));st(1,T-ld(0)+S/SR);round((T-ld(0))/TB)',aresample=async=1:first_pts=0");

    // Durations in headers are estimates here and there; less than this isn't worth a warning.
    private const double DurationToleranceSeconds = 2;
    private const double DurationToleranceShare = 0.02;

    private readonly Process process;
    private readonly CancellationTokenRegistration kill;
    private readonly FfmpegLog log;
    private readonly Task logRead;
    private readonly string path;
    private readonly string name;
    private readonly List<Warning> warnings = [];
    private WavReader? wav;
    private long samplesRead;
    private bool ended;

    private FfmpegReader(Process process, string path, string name, CancellationToken cancellationToken)
    {
        this.process = process;
        this.path = path;
        this.name = name;
        kill = cancellationToken.Register(Kill);
        log = new FfmpegLog();
        logRead = log.ReadAsync(process.StandardError);
    }

    public AudioFormat Format { get; private set; } = new(0, 0, "");

    public double? StatedSeconds => log.Duration;

    public double ClippedShare => wav?.ClippedShare ?? 0;

    public IReadOnlyList<Warning> Warnings => warnings;

    /// <summary>Starts ffmpeg on a file and reads up to the first sample.</summary>
    /// <param name="path">An existing file.</param>
    /// <param name="name">The file's name, for messages.</param>
    /// <param name="ffmpegPath">The executable; null to look for it on PATH.</param>
    /// <param name="cancellationToken">Ends ffmpeg at any time until the reader is disposed of.</param>
    /// <exception cref="MissingRequirementException">There is no ffmpeg, or none that starts.</exception>
    /// <exception cref="IOException">ffmpeg was killed; this can also end a later read.</exception>
    /// <exception cref="BadInputException">The file holds no audio that ffmpeg may read.</exception>
    public static async Task<FfmpegReader> OpenAsync(
        string path, string name, string? ffmpegPath, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        path = Path.GetFullPath(path);
        var reader = new FfmpegReader(Start(path, name, ffmpegPath), path, name, cancellationToken);
        try
        {
            await reader.ReadHeaderAsync(cancellationToken);
            return reader;
        }
        catch
        {
            await reader.DisposeAsync();
            cancellationToken.ThrowIfCancellationRequested();
            throw;
        }
    }

    public async ValueTask<int> ReadAsync(Memory<float> samples, CancellationToken cancellationToken)
    {
        int read = await wav!.ReadAsync(samples, cancellationToken);
        samplesRead += read;
        if (read == 0 && !ended)
        {
            ended = true;
            await WaitForEndAsync(cancellationToken);
            Format = Format with { Codec = log.Codec ?? Format.Codec };
            WarnOfDamage();
        }
        return read;
    }

    public async ValueTask DisposeAsync()
    {
        await kill.DisposeAsync();
        Kill();
        await process.WaitForExitAsync(CancellationToken.None);
        await logRead;
        process.Dispose();
    }

    private async Task ReadHeaderAsync(CancellationToken cancellationToken)
    {
        try
        {
            wav = await WavReader.OpenAsync(process.StandardOutput.BaseStream, name, cancellationToken);
        }
        catch (BadInputException)
        {
            // Nothing, or half a header: ffmpeg's own words say more.
        }
        if (wav is null)
        {
            // It may still be writing, where it wrote what WavReader refuses.
            process.StandardOutput.BaseStream.Dispose();
            await WaitForEndAsync(cancellationToken);
            throw Refusal();
        }
        Format = wav.Format with { Codec = "unknown" };
    }

    /// <exception cref="IOException">ffmpeg was ended by a signal, so what it gave is part of the audio
    /// only.</exception>
    private async Task WaitForEndAsync(CancellationToken cancellationToken)
    {
        await process.WaitForExitAsync(cancellationToken);
        await logRead.WaitAsync(cancellationToken);
        cancellationToken.ThrowIfCancellationRequested();
        // 128 + signal (of 31), except for those that ffmpeg handles: 255, and 123 when it is sent several. Its other
        // codes above 128 are none of these.
        if (process.ExitCode is (> 128 and < 160) or 123 || (process.ExitCode == 255 && log.Interrupted))
        {
            throw new IOException($"ffmpeg was killed while it decoded {name}.");
        }
    }

    private Exception Refusal()
    {
        // What a shell and the dynamic loader exit with when they can't start a program.
        if (process.ExitCode is 126 or 127)
        {
            return new MissingRequirementException(Missing(name, $"doesn't start ({log.FirstLine})"));
        }
        string? error = log.Errors.FirstOrDefault();
        if (log.Errors.Any(line => line.Contains("matches no streams", StringComparison.Ordinal)))
        {
            return new BadInputException($"{name} has no audio in it.");
        }
        return new BadInputException(
            $"{name} isn't audio that can be read." + (error is null ? "" : $" ffmpeg says: {WithoutPath(error)}"));
    }

    private void WarnOfDamage()
    {
        if (log.ErrorCount > 0 || process.ExitCode != 0)
        {
            string first = log.Errors.FirstOrDefault() is { } error ? $" ffmpeg says: {WithoutPath(error)}" : "";
            warnings.Add(new Warning("damaged_audio", $"{name} is damaged; what could be decoded is used.{first}"));
        }
        if (log.Jumps > 0)
        {
            string times = log.Jumps == 1 ? "once" : string.Create(CultureInfo.InvariantCulture, $"{log.Jumps} times");
            warnings.Add(new Warning("time_gap", string.Create(CultureInfo.InvariantCulture,
                $"The time stamps of {name} jump {times}; times after that differ from those that a player shows, "
                + $"by {Math.Abs(log.JumpSeconds):0.0} s at the end.")));
        }
        double there = (double)samplesRead / Format.SampleRate + Math.Max(0, log.JumpSeconds);
        if (log.Duration is { } promised
            && promised - there > Math.Max(DurationToleranceSeconds, promised * DurationToleranceShare))
        {
            warnings.Add(new Warning("truncated_audio", string.Create(CultureInfo.InvariantCulture,
                $"{name} is cut short: its header promises {promised:0.0} s of audio, the file holds {there:0.0} s.")));
        }
    }

    private string WithoutPath(string text) =>
        text.Replace("file:" + path, name, StringComparison.Ordinal).Replace(path, name, StringComparison.Ordinal);

    private void Kill()
    {
        try
        {
            process.Kill();
        }
        catch (InvalidOperationException)
        {
            // It has ended.
        }
    }

    private static Process Start(string path, string name, string? ffmpegPath)
    {
        string? executable = ffmpegPath is null ? FindOnPath() : File.Exists(ffmpegPath) ? Path.GetFullPath(ffmpegPath) : null;
        string missing = Missing(name, ffmpegPath is null ? "isn't on PATH" : $"isn't at {ffmpegPath}");
        if (executable is null)
        {
            throw new MissingRequirementException(missing);
        }

        var start = new ProcessStartInfo(executable)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = Path.GetPathRoot(executable),
        };
        start.Environment.Clear();
        start.Environment["PATH"] = Environment.GetEnvironmentVariable("PATH") ?? "";
        start.Environment["LANG"] = "C.UTF-8";
        string[] arguments =
        [
            "-nostdin", "-hide_banner", "-nostats", "-v", "level+info",
            "-max_alloc", MaxAllocationBytes.ToString(CultureInfo.InvariantCulture),
            "-protocol_whitelist", "file", "-format_whitelist", Containers, "-i", "file:" + path,
            "-map", "0:a:0", "-vn", "-sn", "-dn", "-map_metadata", "-1",
            "-af", Filter,
            "-c:a", "pcm_f32le", "-f", "wav", "pipe:1",
        ];
        foreach (string argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        try
        {
            var process = Process.Start(start)!;
            process.StandardInput.Close();
            return process;
        }
        catch (Win32Exception e)
        {
            throw new MissingRequirementException(missing, e);
        }
    }

    private static string Missing(string name, string how) =>
        $"{name} isn't plain WAV, and ffmpeg, which reads everything else, {how}. Install it: apt-get install ffmpeg";

    private static string? FindOnPath()
    {
        string file = OperatingSystem.IsWindows() ? "ffmpeg.exe" : "ffmpeg";
        return (Environment.GetEnvironmentVariable("PATH") ?? "")
            .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .Where(Path.IsPathRooted)
            .Select(folder => Path.Combine(folder, file))
            .FirstOrDefault(File.Exists);
    }
}
