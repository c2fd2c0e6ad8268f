using Omoai.Transcripts.Formats;

namespace Omoai.Api;

/// <summary>The outputs of a job that can be asked for by name.</summary>
internal static class JobOutputs
{
    private static readonly Dictionary<string, (string File, string ContentType)> All = new()
    {
        ["json"] = Of(TranscriptFormats.Json),
        ["txt"] = Of(TranscriptFormats.Text),
        ["srt"] = Of(TranscriptFormats.Srt),
        ["vtt"] = Of(TranscriptFormats.Vtt),
        ["md"] = Of(TranscriptFormats.Markdown),
        ["run"] = ("run.json", "application/json"),
    };

    public static IReadOnlyCollection<string> Names => All.Keys;

    /// <returns>Null when there is no output of that name.</returns>
    public static (string File, string ContentType)? Find(string name) => All.TryGetValue(name, out var output) ? output : null;

    private static (string, string) Of(TranscriptFormat format) => (format.FileName, format.MediaType);
}
