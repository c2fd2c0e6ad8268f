using Omoai.Local.Commands;
using Omoai.Transcripts;
using Omoai.Transcripts.Formats;
using Omoai.Transcripts.Reading;

namespace Omoai.Local;

/// <summary>The folder that a command leaves its files in. Made and tried before any work is done.</summary>
internal sealed class OutputFolder
{
    /// <summary>Everything that a job may leave here.</summary>
    private static readonly IReadOnlySet<string> OwnFiles =
        TranscriptFormats.All.Select(format => format.FileName).Append("run.json").Append("error.json").ToHashSet();

    private OutputFolder(string path) => Path = path;

    public string Path { get; }

    /// <summary>A folder for each recording: <paramref name="output"/> itself for a single one, folders named after the
    /// recordings in it for several, and folders named after recording and time in the current one where it is null.</summary>
    /// <param name="recordings">Their paths.</param>
    /// <param name="output">What was asked for.</param>
    /// <param name="now">The time, UTC.</param>
    public static IReadOnlyList<string> Plan(IReadOnlyList<string> recordings, string? output, DateTimeOffset now)
    {
        if (output is not null && recordings.Count == 1)
        {
            return [output];
        }

        var taken = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        return [.. recordings.Select(recording =>
        {
            // A name of dots alone would lead elsewhere.
            var stem = System.IO.Path.GetFileNameWithoutExtension(recording).Trim('.') is { Length: > 0 } name ? name : "audio";
            var folder = output is null
                ? string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{stem}-{now.UtcDateTime:yyyyMMdd-HHmmss}")
                : System.IO.Path.Combine(output, stem);
            var free = folder;
            for (var number = 2; !taken.Add(free) || (output is null && Directory.Exists(free)); number++)
            {
                free = $"{folder}-{number}";
            }

            return free;
        })];
    }

    /// <exception cref="UsageException">It can't be written to.</exception>
    public static OutputFolder Create(string path)
    {
        try
        {
            Directory.CreateDirectory(path);
            var trial = System.IO.Path.Combine(path, $".omoai-{System.IO.Path.GetRandomFileName()}");
            File.WriteAllBytes(trial, []);
            File.Delete(trial);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"The output folder {path} can't be written to: {e.Message} Choose another with -o.", e);
        }

        return new OutputFolder(path);
    }

    /// <summary>Moves the wanted files of a job here. What an earlier job left here under the same names goes away, so
    /// that nobody takes it for part of this one.</summary>
    /// <param name="folder">The job's outputs; may be absent.</param>
    /// <param name="formats">What is wanted; the record of the run comes along in any case.</param>
    /// <exception cref="IOException">A file can't be moved.</exception>
    /// <exception cref="UnauthorizedAccessException">A file can't be moved.</exception>
    public JobFiles TakeFrom(string folder, IReadOnlyList<TranscriptFormat> formats)
    {
        Summary? summary = null;
        if (File.Exists(Made(TranscriptFormats.Json.FileName)))
        {
            using var stream = File.OpenRead(Made(TranscriptFormats.Json.FileName));
            summary = TranscriptJson.Read(stream).Summary;
        }

        // The document may lack it, or have it without the times that were asked for.
        var text = File.Exists(Made(TranscriptFormats.Text.FileName)) ? File.ReadAllText(Made(TranscriptFormats.Text.FileName)) : null;

        var unwanted = TranscriptFormats.All.Except(formats).Select(format => format.FileName).ToHashSet();
        var files = OwnFiles.Except(unwanted).Where(file => File.Exists(Made(file)))
            .Order(StringComparer.Ordinal).ToList();
        foreach (var file in OwnFiles)
        {
            File.Delete(System.IO.Path.Combine(Path, file));
        }

        foreach (var file in files)
        {
            File.Move(Made(file), System.IO.Path.Combine(Path, file));
        }

        return new JobFiles(files, text, summary);

        string Made(string file) => System.IO.Path.Combine(folder, file);
    }
}

/// <summary>What a job left.</summary>
/// <param name="Names">The names of the files that are wanted, in ordinal order.</param>
/// <param name="Text">The text for people, wanted or not; null where there is none.</param>
/// <param name="Summary">The summary, wanted or not; null where there is none.</param>
internal sealed record JobFiles(IReadOnlyList<string> Names, string? Text, Summary? Summary);

/// <summary>The artifact store of one command, gone when the command ends.</summary>
internal sealed class WorkFolder : IDisposable
{
    private bool _keep;

    /// <exception cref="UsageException">There is nowhere to put it.</exception>
    public WorkFolder()
    {
        try
        {
            Path = Directory.CreateTempSubdirectory("omoai-work-").FullName;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UsageException(
                $"No folder can be made in {System.IO.Path.GetTempPath()}: {e.Message} Set TMPDIR to a folder with room.", e);
        }
    }

    public string Path { get; }

    /// <summary>Leaves it there, because something in it would be lost.</summary>
    public void Keep() => _keep = true;

    public void Dispose()
    {
        if (!_keep)
        {
            Directory.Delete(Path, recursive: true);
        }
    }
}
