namespace Omoai.Speech.Features;

/// <summary>Turns a stretch of speech into what a speech model is given. Not for several threads at once.</summary>
public interface IFeatureExtractor
{
    /// <summary>Values in a frame; 1 for a waveform.</summary>
    int Width { get; }

    /// <summary>Samples from one frame to the next.</summary>
    int HopSamples { get; }

    /// <summary>Frames in that many samples.</summary>
    int FrameCount(int samples);

    /// <summary>The features of one stretch of speech.</summary>
    /// <param name="samples">Mono, in [-1, 1].</param>
    /// <returns>[<see cref="FrameCount"/>, <see cref="Width"/>], row by row; the only memory that a call takes, but where frames are
    /// stacked.</returns>
    /// <exception cref="Transcripts.Activities.BadInputException">The stretch is hours long: more values than can be given at once.</exception>
    float[] Compute(ReadOnlySpan<float> samples);
}
