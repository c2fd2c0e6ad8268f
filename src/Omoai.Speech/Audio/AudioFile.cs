using System.Text;
using Omoai.Transcripts.Activities;

namespace Omoai.Speech.Audio;

/// <summary>Opens a recording with the reader for what it is. That is told by its content, never by its name.</summary>
public static class AudioFile
{
    private const int SniffedBytes = 4096;

    /// <summary>Opens a recording at its first sample.</summary>
    /// <param name="path">The file.</param>
    /// <param name="name">The file's name, for messages.</param>
    /// <param name="ffmpegPath">The ffmpeg executable for what isn't plain WAV; null to look for it on PATH.</param>
    /// <param name="cancellationToken">Stops reading, until the reader is disposed of.</param>
    /// <exception cref="BadInputException">There is no such file, it can't be opened, or it isn't audio.</exception>
    /// <exception cref="MissingRequirementException">It needs ffmpeg, and there is none.</exception>
    public static async Task<IAudioReader> OpenAsync(
        string path, string name, string? ffmpegPath, CancellationToken cancellationToken)
    {
        FileStream file = OpenFile(path, name);
        try
        {
            var start = new byte[SniffedBytes];
            int length = await file.ReadAtLeastAsync(start, start.Length, throwOnEndOfStream: false, cancellationToken);
            if (WavReader.IsWav(start.AsSpan(0, length)))
            {
                file.Position = 0;
                if (await WavReader.OpenAsync(file, name, cancellationToken) is { } wav)
                {
                    return wav;
                }
            }
            else if (IsText(start.AsSpan(0, length)))
            {
                throw new BadInputException($"{name} isn't audio that can be read: it is text.");
            }
        }
        catch
        {
            await file.DisposeAsync();
            throw;
        }
        await file.DisposeAsync();
        return await FfmpegReader.OpenAsync(path, name, ffmpegPath, cancellationToken);
    }

    /// <summary>The file's name as it is shown: without folders and control characters, at most 100
    /// characters.</summary>
    public static string DisplayName(string path)
    {
        string name = Path.GetFileName(path);
        var shown = new StringBuilder();
        foreach (char c in name.Length > 100 ? name[..97] + "..." : name)
        {
            shown.Append(char.IsControl(c) ? '?' : c);
        }
        return shown.ToString();
    }

    private static FileStream OpenFile(string path, string name)
    {
        try
        {
            if (Directory.Exists(path))
            {
                throw new BadInputException($"{name} is a folder, not a recording.");
            }
            // Pipes and devices have no length. They are not opened: that alone could block for good.
            if (new FileInfo(path).Length == 0)
            {
                throw new BadInputException($"{name} is empty.");
            }
            return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0, FileOptions.SequentialScan);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException or ArgumentException)
        {
            throw new BadInputException($"There is no file {name}.", e);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new BadInputException($"{name} can't be opened: permission denied.", e);
        }
        catch (IOException e)
        {
            throw new BadInputException($"{name} can't be opened.", e);
        }
    }

    /// <summary>Audio has zeros or other control characters among its first bytes; text has none.</summary>
    private static bool IsText(ReadOnlySpan<byte> start)
    {
        foreach (byte b in start)
        {
            if (b is < 0x20 and not ((byte)'\t' or (byte)'\n' or (byte)'\r' or (byte)'\f' or 0x1B))
            {
                return false;
            }
        }
        return true;
    }
}
