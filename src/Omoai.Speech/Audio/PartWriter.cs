using System.Globalization;
using System.Runtime.InteropServices;
using Omoai.Speech.Vad;
using Omoai.Transcripts;
using Omoai.Transcripts.Activities;

namespace Omoai.Speech.Audio;

/// <summary>
/// Cuts a stream of 16 kHz mono into part files, each from the start of a speech window to the end of a later one. A
/// part
/// ends where the next window would make it too long, a little earlier if there is a pause there, or where the silence
/// after
/// it is long. Holds only the audio that isn't decided on yet, and at most <see cref="MaxSilenceSeconds"/> of the
/// silence
/// that may still turn out to lie inside a part.
/// </summary>
internal sealed class PartWriter(string folder, double maxPartSeconds, int? channel = null) : IDisposable
{
    /// <summary>A silence longer than this isn't written: it ends the part. Shorter ones aren't worth another process
    /// to
    /// transcribe a part of its own.</summary>
    public const double MaxSilenceSeconds = 60;

    // From this share of the longest part on, the next pause is good enough to cut in.
    private const double CutAtPauseShare = 0.9;

    private readonly long maxPart = (long)(maxPartSeconds * Resampler.OutputRate);
    private readonly List<AudioPart> parts = [];
    private readonly List<Interval> speech = [];
    private readonly List<string> files = [];
    private readonly List<short> audio = [];
    private long audioStart;
    private WavWriter? writer;
    private long partStart;
    private long partEnd;
    private bool completed;

    /// <summary>Takes the next samples, −1 to 1.</summary>
    public void Add(ReadOnlySpan<float> samples)
    {
        int count = audio.Count;
        CollectionsMarshal.SetCount(audio, count + samples.Length);
        Span<short> added = CollectionsMarshal.AsSpan(audio)[count..];
        for (int i = 0; i < samples.Length; i++)
        {
            added[i] = (short)Math.Clamp(MathF.Round(samples[i] * 32768), short.MinValue, short.MaxValue);
        }
    }

    /// <summary>Writes windows of speech, and forgets the audio that no window to come can need.</summary>
    /// <param name="windows">The next ones, in order.</param>
    /// <param name="settled">No window to come begins before this sample.</param>
    public void Write(IReadOnlyList<SpeechWindow> windows, long settled)
    {
        foreach (SpeechWindow window in windows)
        {
            if (writer is not null && IsFullBefore(window))
            {
                EndPart();
            }
            if (writer is null)
            {
                StartPart(window.Start);
            }
            WriteUntil(window.End);
            speech.Add(new Interval(Seconds(window.Start), Seconds(window.End)));
        }

        if (writer is not null && settled - partEnd > MaxSilenceSeconds * Resampler.OutputRate)
        {
            EndPart();
        }
        Forget(writer is null ? settled : partEnd);
    }

    /// <summary>Ends the last part and keeps the files.</summary>
    /// <returns>The parts in order of time; their index is that among them.</returns>
    public IReadOnlyList<AudioPart> Complete()
    {
        if (writer is not null)
        {
            EndPart();
        }
        completed = true;
        return parts;
    }

    /// <summary>Deletes what was written, unless it was completed.</summary>
    public void Dispose()
    {
        writer?.Dispose();
        if (!completed)
        {
            files.ForEach(File.Delete);
        }
    }

    private static double Seconds(long samples) => (double)samples / Resampler.OutputRate;

    private bool IsFullBefore(SpeechWindow window)
    {
        long length = window.End - partStart;
        return length > maxPart
            || (length > CutAtPauseShare * maxPart && window.Start > partEnd)
            || window.Start - partEnd > MaxSilenceSeconds * Resampler.OutputRate;
    }

    private void StartPart(long start)
    {
        string path = Path.Combine(folder, FileName(parts.Count));
        files.Add(path);
        writer = new WavWriter(path, Resampler.OutputRate);
        partStart = partEnd = start;
    }

    private void WriteUntil(long end)
    {
        writer!.Write(CollectionsMarshal.AsSpan(audio)[(int)(partEnd - audioStart)..(int)(end - audioStart)]);
        partEnd = end;
    }

    private void EndPart()
    {
        writer!.Dispose();
        writer = null;
        parts.Add(new AudioPart(
            parts.Count, FileName(parts.Count), Seconds(partStart), Seconds(partEnd - partStart), speech.ToArray(),
            channel));
        speech.Clear();
    }

    private void Forget(long until)
    {
        int count = (int)Math.Clamp(until - audioStart, 0, audio.Count);
        audio.RemoveRange(0, count);
        audioStart += count;
    }

    private string FileName(int index) => channel is { } number
        ? string.Create(CultureInfo.InvariantCulture, $"part-c{number}-{index:0000}.wav")
        : string.Create(CultureInfo.InvariantCulture, $"part-{index:0000}.wav");
}
