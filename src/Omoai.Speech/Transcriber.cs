using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Omoai.Shared;
using Omoai.Speech.Ctc;
using Omoai.Transcripts;
using Omoai.Transcripts.Activities;

namespace Omoai.Speech;

/// <summary>The transcribe activity: a part's speech to words with times and confidence.</summary>
public static class Transcriber
{
    /// <summary>Loads the model and transcribes one part; see <see cref="TranscribeAsync(CtcModel, TranscribeInput, IProgress{double}, CancellationToken)"/>.</summary>
    /// <inheritdoc cref="TranscribeAsync(CtcModel, TranscribeInput, IProgress{double}, CancellationToken)"/>
    public static async Task<TranscribeOutput> TranscribeAsync(
        TranscribeInput input, IProgress<double> progress, CancellationToken cancellationToken)
    {
        using var model = CtcModel.Load(input.ModelFolder, input.Threads);
        return await TranscribeAsync(model, input, progress, cancellationToken);
    }

    /// <summary>
    /// Transcribes one part with a model that is already loaded, one stretch of speech in memory at a time, and writes the
    /// words, in order of time and each inside its stretch, to <see cref="TranscribeInput.Output"/>.
    /// </summary>
    /// <param name="model">The model.</param>
    /// <param name="input">What to transcribe; its model folder and threads are not looked at.</param>
    /// <param name="progress">Gets the share of the speech that is done, 0 to 1.</param>
    /// <param name="cancellationToken">Looked at between stretches; then nothing is written.</param>
    /// <exception cref="BadInputException">The audio isn't 16-bit mono WAV, or a stretch of speech isn't one.</exception>
    /// <exception cref="MissingRequirementException">The model can't be used for this.</exception>
    public static async Task<TranscribeOutput> TranscribeAsync(
        CtcModel model, TranscribeInput input, IProgress<double> progress, CancellationToken cancellationToken)
    {
        var words = await Task.Run(() => Recognize(model, input, progress, cancellationToken), cancellationToken);
        await AtomicFile.WriteJsonAsync(input.Output, new RecognizedPart(input.Part.Index, words), cancellationToken);
        return new TranscribeOutput(
            input.Part.Index, words.Count, SpeechSeconds(input.Part), model.Manifest.Name, model.Manifest.Language,
            model.ExecutionProvider);
    }

    private static double SpeechSeconds(AudioPart part) => Math.Round(part.Speech.Sum(span => span.End - span.Start), 3);

    private static List<Word> Recognize(
        CtcModel model, TranscribeInput input, IProgress<double> progress, CancellationToken cancellationToken)
    {
        var part = input.Part;
        CheckSpeech(part);
        using var audio = new PartAudio(input.Audio);
        if (audio.SampleRate != model.Manifest.SampleRate)
        {
            throw new MissingRequirementException(
                $"The speech model '{model.Manifest.Name}' wants audio of {model.Manifest.SampleRate} Hz, "
                + $"the part has {audio.SampleRate} Hz. Use another model.");
        }

        var words = new List<Word>();
        var (done, all) = (0.0, part.Speech.Sum(span => span.End - span.Start));
        foreach (var span in part.Speech)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var samples = audio.Read(span.Start - part.Start, span.End - part.Start);
            // Milliseconds are what people and formats read; the clamp keeps rounding inside the stretch.
            words.AddRange(model.Recognize(samples).Select(word => word with
            {
                Start = Math.Clamp(Math.Round(span.Start + word.Start, 3), span.Start, span.End),
                End = Math.Clamp(Math.Round(span.Start + word.End, 3), span.Start, span.End),
                Confidence = Math.Round(word.Confidence, 4),
            }));
            done += span.End - span.Start;
            progress.Report(Math.Min(1, done / all));
        }

        return words;
    }

    private static void CheckSpeech(AudioPart part)
    {
        // What rounding may add to a length.
        const double Tolerance = 0.01;
        var before = part.Start - Tolerance;
        foreach (var span in part.Speech)
        {
            var length = span.End - span.Start;
            if (!(span.Start >= before && length > 0 && length <= AudioPart.MaxSpeechSeconds + Tolerance))
            {
                throw new BadInputException(FormattableString.Invariant(
                    $"Part {part.Index}: speech from {span.Start} to {span.End} s is before what precedes it, empty, or longer than {AudioPart.MaxSpeechSeconds} s."));
            }

            before = span.End;
        }
    }

    /// <summary>A part's WAV file, as the preparer writes it: 16-bit, mono.</summary>
    private sealed class PartAudio : IDisposable
    {
        private const int BytesPerSample = 2;

        private readonly FileStream _stream;
        private readonly long _dataStart;
        private readonly long _samples;

        public PartAudio(string path)
        {
            try
            {
                _stream = File.OpenRead(path);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw new BadInputException($"The part's audio can't be read: {e.Message}", e);
            }

            try
            {
                (SampleRate, _dataStart, _samples) = ReadHeader(_stream);
            }
            catch
            {
                _stream.Dispose();
                throw;
            }
        }

        public int SampleRate { get; }

        public void Dispose() => _stream.Dispose();

        /// <summary>The samples between two times, in seconds from the start, as far as there are any; in [-1, 1].</summary>
        public float[] Read(double start, double end)
        {
            var first = (long)Math.Clamp(Math.Round(start * SampleRate), 0, _samples);
            var last = (long)Math.Clamp(Math.Round(end * SampleRate), first, _samples);
            var pcm = new short[last - first];
            _stream.Position = _dataStart + (first * BytesPerSample);
            _stream.ReadExactly(MemoryMarshal.AsBytes(pcm.AsSpan()));
            return Array.ConvertAll(pcm, sample => sample / 32768f);
        }

        private static (int SampleRate, long DataStart, long Samples) ReadHeader(FileStream stream)
        {
            Span<byte> buffer = stackalloc byte[16];
            if (stream.ReadAtLeast(buffer[..12], 12, throwOnEndOfStream: false) < 12
                || !buffer[..4].SequenceEqual("RIFF"u8) || !buffer[8..12].SequenceEqual("WAVE"u8))
            {
                throw NotWav();
            }

            var sampleRate = 0;
            while (stream.ReadAtLeast(buffer[..8], 8, throwOnEndOfStream: false) == 8)
            {
                var size = BinaryPrimitives.ReadUInt32LittleEndian(buffer[4..]);
                var content = stream.Position;
                if (buffer[..4].SequenceEqual("data"u8))
                {
                    // The length in the header may say more than the file has.
                    return sampleRate > 0
                        ? (sampleRate, content, Math.Min(size, stream.Length - content) / BytesPerSample)
                        : throw NotWav();
                }

                if (buffer[..4].SequenceEqual("fmt "u8))
                {
                    if (stream.ReadAtLeast(buffer, 16, throwOnEndOfStream: false) < 16
                        || BinaryPrimitives.ReadUInt16LittleEndian(buffer) != 1
                        || BinaryPrimitives.ReadUInt16LittleEndian(buffer[2..]) != 1
                        || BinaryPrimitives.ReadUInt16LittleEndian(buffer[14..]) != 8 * BytesPerSample)
                    {
                        throw NotWav();
                    }

                    sampleRate = BinaryPrimitives.ReadInt32LittleEndian(buffer[4..]);
                }

                stream.Position = content + size + (size % 2);
            }

            throw NotWav();
        }

        private static BadInputException NotWav() => new("The part's audio isn't 16-bit mono WAV. Prepare the recording again.");
    }
}
