namespace Omoai.Speech.Tests.Audio;

/// <summary>Sounds that are not speech, for the silence test.</summary>
internal static class Music
{
    /// <summary>Noise whose power falls by 3 dB an octave (the filter of P. Kellet).</summary>
    public static float[] PinkNoise(double seconds, double amplitude, int seed = 1)
    {
        float[] noise = TestAudio.Noise(seconds, 1, seed);
        double a = 0, b = 0, c = 0;
        for (int i = 0; i < noise.Length; i++)
        {
            a = 0.99765 * a + noise[i] * 0.0990460;
            b = 0.96300 * b + noise[i] * 0.2965164;
            c = 0.57000 * c + noise[i] * 1.0526913;
            noise[i] = (float)(amplitude * 0.15 * (a + b + c + noise[i] * 0.1848));
        }
        return noise;
    }

    /// <summary>A click of a millisecond, a few times a second, at odd times.</summary>
    public static float[] Clicks(double seconds, int seed = 1)
    {
        var random = new Random(seed);
        float[] audio = TestAudio.Noise(seconds, 0.0005, seed);
        for (int at = random.Next(8000); at + 16 < audio.Length; at += random.Next(3000, 12_000))
        {
            for (int i = 0; i < 16; i++)
            {
                audio[at + i] += (float)(0.8 * random.NextDouble() - 0.4);
            }
        }
        return audio;
    }

    /// <summary>Sound that gets 20 dB louder and softer again, again and again.</summary>
    /// <param name="sound">Whatever.</param>
    /// <param name="period">From one time that it is loudest to the next, seconds.</param>
    public static float[] Swelling(float[] sound, double period) =>
        [.. sound.Select((sample, i) => sample * (float)Math.Pow(10, (Math.Sin(2 * Math.PI * i / 16_000 / period) - 1) / 2))];

    /// <summary>One note after another, with overtones, each struck and dying away.</summary>
    /// <param name="seconds">How long.</param>
    /// <param name="rate">Notes in a second.</param>
    /// <param name="vibrato">How far the pitch goes up and down, 5 times a second; 0.01 is a percent.</param>
    public static float[] Melody(double seconds, double rate, double vibrato = 0)
    {
        var random = new Random(8);
        int[] steps = [0, 2, 4, 5, 7, 9, 11, 12];
        double[] notes = [.. Enumerable.Range(0, (int)(seconds * rate) + 1)
            .Select(_ => 262 * Math.Pow(2, steps[random.Next(steps.Length)] / 12.0))];
        double angle = 0;
        return
        [
            .. Enumerable.Range(0, (int)(seconds * 16_000)).Select(i =>
            {
                double time = i / 16_000.0;
                double within = time % (1 / rate);
                angle += 2 * Math.PI / 16_000 * notes[(int)(time * rate)] * (1 + vibrato * Math.Sin(2 * Math.PI * 5 * time));
                double envelope = Math.Min(1, within * 100) * Math.Exp(-3 * rate * within) * Math.Min(1, (1 / rate - within) * 100);
                return (float)(0.1 * envelope * Enumerable.Range(1, 8).Sum(harmonic => Math.Sin(harmonic * angle) / harmonic));
            }),
        ];
    }

    /// <summary>A buzz of 120 Hz that comes and goes four times a second.</summary>
    public static float[] Buzz(double seconds)
    {
        float[][] harmonics = [.. Enumerable.Range(1, 20).Select(harmonic => TestAudio.Tone(120 * harmonic, seconds, amplitude: 0.16 / harmonic))];
        return
        [
            .. Enumerable.Range(0, harmonics[0].Length).Select(i =>
                harmonics.Sum(harmonic => harmonic[i]) * (float)Math.Pow(Math.Sin(Math.PI * 4 * i / 16_000), 2)),
        ];
    }

    /// <summary>Chords of three notes with overtones, each struck and dying away.</summary>
    /// <param name="seconds">How long.</param>
    /// <param name="chordSeconds">From one chord to the next.</param>
    /// <param name="decay">How fast a chord dies away, 1 / s; 0 for an organ.</param>
    public static float[] Chords(double seconds, double chordSeconds, double decay)
    {
        int[][] chords = [[0, 4, 7], [5, 9, 12], [7, 11, 14], [9, 12, 16]];
        return
        [
            .. Enumerable.Range(0, (int)(seconds * 16_000)).Select(i =>
            {
                double time = i / 16_000.0;
                double within = time % chordSeconds;
                int[] chord = chords[(int)(time / chordSeconds) % chords.Length];
                double envelope = Math.Min(1, within * 50) * Math.Exp(-decay * within) * Math.Min(1, (chordSeconds - within) * 50);
                return (float)(0.05 * envelope * chord.Sum(note =>
                {
                    double angle = 2 * Math.PI * 220 * Math.Pow(2, note / 12.0) * time;
                    return Math.Sin(angle) + Math.Sin(2 * angle) / 2 + Math.Sin(3 * angle) / 3;
                }));
            }),
        ];
    }
}
