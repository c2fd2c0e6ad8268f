namespace Omoai.Speech.Vad;

/// <summary>Tells speech from what isn't, frame by frame, in one stream of 16 kHz mono. Memory is constant.</summary>
public interface IFrameClassifier : IDisposable
{
    /// <summary>Samples in a frame.</summary>
    int FrameSamples { get; }

    /// <summary>Takes the next samples, −1 to 1.</summary>
    /// <param name="samples">Any number of them.</param>
    /// <param name="frames">Gets the frames that are decided on now, in order. That may come later than a frame's
    /// samples, but no frame is left out.</param>
    void Process(ReadOnlySpan<float> samples, List<FrameActivity> frames);

    /// <summary>Decides on the frames that are left at the end of the stream; samples that fill no frame are not
    /// decided on.</summary>
    /// <param name="frames">Gets them, in order.</param>
    void Finish(List<FrameActivity> frames);
}

/// <summary>What there is in a frame.</summary>
/// <param name="IsSpeech">Whether it is speech.</param>
/// <param name="Strength">How much of it, on the classifier's own scale: speech without a pause is split where this is
/// least.</param>
public readonly record struct FrameActivity(bool IsSpeech, double Strength);
