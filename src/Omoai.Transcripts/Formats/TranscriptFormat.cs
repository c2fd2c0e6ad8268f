namespace Omoai.Transcripts.Formats;

/// <summary>A file that a transcript can be written as; all of them are in <see cref="TranscriptFormats"/>.</summary>
public sealed class TranscriptFormat
{
    internal TranscriptFormat(string name, string fileName, string mediaType, Action<Transcript, FormatSettings, TextWriter> write)
    {
        (Name, FileName, MediaType, Writer) = (name, fileName, mediaType, write);
    }

    /// <summary>What people ask for: <c>--format NAME</c>. <c>md</c> stands for two files.</summary>
    public string Name { get; }

    /// <summary>The file's name, different for each format.</summary>
    public string FileName { get; }

    /// <summary>Its media type, with the character set where there is one to tell.</summary>
    public string MediaType { get; }

    internal Action<Transcript, FormatSettings, TextWriter> Writer { get; }
}
