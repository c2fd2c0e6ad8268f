using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Omoai.Shared;
using Omoai.Speech.Guards;
using Omoai.Transcripts;
using Omoai.Transcripts.Activities;

namespace Omoai.Speech;

/// <summary>The transcribe activity: a part's speech to words with times and confidence.</summary>
public static class Transcriber
{
    /// <summary>Audio that is read, sorted by length and run together, seconds: enough to find stretches of like length, and little
    /// beside a model.</summary>
    private const double SecondsAtATime = 240;

    /// <summary>Loads the model and transcribes one part; see <see cref="TranscribeAsync(ISpeechModel, TranscribeInput, IProgress{double}, CancellationToken)"/>.</summary>
    /// <inheritdoc cref="TranscribeAsync(ISpeechModel, TranscribeInput, IProgress{double}, CancellationToken)"/>
    public static async Task<TranscribeOutput> TranscribeAsync(
        TranscribeInput input, IProgress<double> progress, CancellationToken cancellationToken)
    {
        using var model = SpeechModels.Load(input.ModelFolder, input.Threads, input.Cuda);
        return await TranscribeAsync(model, input, progress, cancellationToken);
    }

    /// <summary>
    /// Transcribes one part with a model that is already loaded, a few minutes of speech in memory at a time, and writes the
    /// words, in order of time and each inside its stretch, to <see cref="TranscribeInput.Output"/>.
    /// </summary>
    /// <param name="model">The model.</param>
    /// <param name="input">What to transcribe; its model folder, threads and CUDA settings are not looked at.</param>
    /// <param name="progress">Gets the share of the speech that is done, 0 to 1.</param>
    /// <param name="cancellationToken">Looked at between stretches; then nothing is written.</param>
    /// <exception cref="BadInputException">The audio isn't 16-bit mono WAV, or a stretch of speech isn't one.</exception>
    /// <exception cref="MissingRequirementException">The model can't be used for this.</exception>
    public static async Task<TranscribeOutput> TranscribeAsync(
        ISpeechModel model, TranscribeInput input, IProgress<double> progress, CancellationToken cancellationToken)
    {
        var part = await Task.Run(() => Recognize(model, input, progress, cancellationToken), cancellationToken);
        await AtomicFile.WriteJsonAsync(input.Output, part, cancellationToken);
        return new TranscribeOutput(
            part.Index, part.Words.Count, SpeechSeconds(input.Part.Speech), model.Manifest.Name, part.Language!,
            model.ExecutionProvider, model.ExecutionProviderReason);
    }

    private static double SpeechSeconds(IEnumerable<Interval> speech) => Math.Round(speech.Sum(span => span.End - span.Start), 3);

    private static RecognizedPart Recognize(
        ISpeechModel model, TranscribeInput input, IProgress<double> progress, CancellationToken cancellationToken)
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

        var request = new RecognitionRequest(input.Language, input.HotWords);
        var words = new List<Word>();
        var suspicions = new List<Suspicion>();
        var languages = new Dictionary<string, double>();
        var (done, all) = (0.0, part.Speech.Sum(span => span.End - span.Start));
        foreach (var group in Groups(part.Speech))
        {
            var recognized = new GuardedWords[group.Length];
            foreach (var batch in Enumerable.Range(0, group.Length).OrderBy(i => group[i].End - group[i].Start).Chunk(model.BatchSize))
            {
                cancellationToken.ThrowIfCancellationRequested();
                var samples = batch.Select(i => audio.Read(group[i].Start - part.Start, group[i].End - part.Start)).ToArray();
                foreach (var (i, audioOf, stretch) in batch.Zip(samples, model.Recognize(samples, request, cancellationToken)))
                {
                    recognized[i] = InventionGuard.Apply(stretch, StretchFacts.Of(audioOf, audio.SampleRate), input.Suspicious);
                    var (language, seconds) = (stretch.Language ?? input.Language ?? model.Manifest.Language, group[i].End - group[i].Start);
                    languages[language] = languages.GetValueOrDefault(language) + seconds;
                    done += seconds;
                }

                progress.Report(Math.Min(1, done / all));
            }

            foreach (var (span, stretch) in group.Zip(recognized))
            {
                words.AddRange(stretch.Words.Select(word => Place(word, span)));
                suspicions.AddRange(stretch.Suspicions.Select(suspicion => suspicion with
                {
                    Start = Place(suspicion.Start, span),
                    End = Place(suspicion.End, span),
                    Channel = part.Channel,
                }));
            }
        }

        // Of two with the same share the first, so that the answer is always the same.
        var spoken = languages.OrderByDescending(language => language.Value).ThenBy(language => language.Key, StringComparer.Ordinal)
            .Select(language => language.Key).FirstOrDefault(input.Language ?? model.Manifest.Language);
        return new RecognizedPart(part.Index, words, part.Channel, spoken, model.Manifest.Punctuated, suspicions,
            input.HotWords is { Count: > 0 } hotWords ? model.IgnoredOf(hotWords) : null);
    }

    private static Word Place(Word word, Interval span) => word with
    {
        Start = Place(word.Start, span),
        End = Place(word.End, span),
        Confidence = Math.Round(word.Confidence, 4),
    };

    /// <summary>Milliseconds are what people and formats read; the clamp keeps rounding inside the stretch.</summary>
    private static double Place(double time, Interval span) => Math.Clamp(Math.Round(span.Start + time, 3), span.Start, span.End);

    /// <summary>Neighbouring stretches, <see cref="SecondsAtATime"/> at most together.</summary>
    private static IEnumerable<Interval[]> Groups(IReadOnlyList<Interval> speech)
    {
        var group = new List<Interval>();
        var seconds = 0.0;
        foreach (var span in speech)
        {
            if (seconds + span.End - span.Start > SecondsAtATime && group.Count > 0)
            {
                yield return [.. group];
                group.Clear();
                seconds = 0;
            }

            group.Add(span);
            seconds += span.End - span.Start;
        }

        if (group.Count > 0)
        {
            yield return [.. group];
        }
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
