"""Makes features.json: what each family of speech models takes for one signal, in double precision by numpy, straight from
the published definitions and without looking at the C# code. FeatureReferenceTests compares with it.

    python3 features.py            writes features.json beside itself
    python3 features.py --all F    writes every frame to the file F, to compare with other implementations by hand

What agrees with it over this signal: @huggingface/transformers 4.3.1 (Whisper, Parakeet, SeamlessM4T's fbank, wav2vec 2.0, its
htk filters) to 6e-5, and kaldi-native-fbank in sherpa-onnx-node 1.13.8 (zipformer) to 2e-4, in single precision.

The signal is made of whole numbers, so that both sides have the same one: noise of a linear congruential generator on a
rising triangle wave, an offset, and a gap of silence.
"""
import json
import os
import sys

import numpy as np

LENGTH = 20937
EPSILON = 2.0 ** -23


def signal():
    state, samples = 7, []
    for i in range(LENGTH):
        state = (state * 1664525 + 1013904223) % 2 ** 32
        noise = (state >> 16) - 32768
        triangle = abs(i * (100 + i // 20) % 16000 - 8000) - 4000
        samples.append(0 if 9000 <= i < 11000 else triangle + (noise >> 5) + 250)
    return np.array(samples) / 32768.0


def hann(n, periodic):
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / (n if periodic else n - 1))


def hamming(n):
    return 0.54 - 0.46 * np.cos(2 * np.pi * np.arange(n) / (n - 1))


def hz_to_mel_htk(f):
    return 2595 * np.log10(1 + np.asarray(f) / 700)


def mel_to_hz_htk(m):
    return 700 * (10 ** (np.asarray(m) / 2595) - 1)


def hz_to_mel_slaney(f):
    f = np.asarray(f, dtype=float)
    return np.where(f >= 1000, 15 + np.log(np.maximum(f, 1e-9) / 1000) / (np.log(6.4) / 27), f / (200 / 3))


def mel_to_hz_slaney(m):
    m = np.asarray(m, dtype=float)
    return np.where(m >= 15, 1000 * np.exp(np.log(6.4) / 27 * (m - 15)), m * (200 / 3))


def triangles(axis, points):
    """[bins, frequencies]: rises from one point to the next and falls to the one after it, on the axis given."""
    rising = (axis[None, :] - points[:-2, None]) / (points[1:-1] - points[:-2])[:, None]
    falling = (points[2:, None] - axis[None, :]) / (points[2:] - points[1:-1])[:, None]
    return np.maximum(0, np.minimum(rising, falling))


def kaldi_filters(bins, fft, rate, low, high):
    frequencies = np.arange(fft // 2 + 1) * rate / fft
    points = np.linspace(hz_to_mel_htk(low), hz_to_mel_htk(high), bins + 2)
    return triangles(hz_to_mel_htk(frequencies), points)


def htk_filters(bins, fft, rate, low, high):
    frequencies = np.arange(fft // 2 + 1) * rate / fft
    points = mel_to_hz_htk(np.linspace(hz_to_mel_htk(low), hz_to_mel_htk(high), bins + 2))
    return triangles(frequencies, points)


def slaney_filters(bins, fft, rate, low, high, norm=True):
    frequencies = np.arange(fft // 2 + 1) * rate / fft
    points = mel_to_hz_slaney(np.linspace(hz_to_mel_slaney(low), hz_to_mel_slaney(high), bins + 2))
    filters = triangles(frequencies, points)
    return filters * (2 / (points[2:] - points[:-2]))[:, None] if norm else filters


def kaldi_fbank(x, window, high, snip_edges=True, low=20.0, bins=80, rate=16000, length=400, hop=160, fft=512):
    """compute-fbank-feats of Kaldi, dither 0."""
    n = len(x)
    if snip_edges:
        starts = [i * hop for i in range(1 + (n - length) // hop)]
    else:
        starts = [i * hop + hop // 2 - length // 2 for i in range((n + hop // 2) // hop)]
    filters = kaldi_filters(bins, fft, rate, low, high)
    rows = []
    for start in starts:
        frame = []
        for i in range(start, start + length):
            while i < 0 or i >= n:
                i = -i - 1 if i < 0 else 2 * n - 1 - i
            frame.append(x[i])
        frame = np.array(frame)
        frame = frame - frame.mean()
        frame = frame - 0.97 * np.concatenate([frame[:1], frame[:-1]])
        power = np.abs(np.fft.rfft(frame * window, fft)) ** 2
        rows.append(np.log(np.maximum(filters @ power, EPSILON)))
    return np.array(rows)


def centred(x, window, hop, fft, mode):
    """torch.stft with center=True: [frames, frequencies], power. A shorter window lies in the middle of the FFT."""
    left = (fft - len(window)) // 2
    window = np.pad(window, (left, fft - len(window) - left))
    x = np.pad(x, fft // 2, mode=mode)
    frames = np.array([x[i:i + fft] for i in range(0, len(x) - fft + 1, hop)])
    return np.abs(np.fft.rfft(frames * window)) ** 2


def whisper(x, bins):
    """log_mel_spectrogram of openai/whisper."""
    power = centred(x, hann(400, True), 160, 400, "reflect")[:-1]
    logs = np.log10(np.maximum(power @ slaney_filters(bins, 400, 16000, 0, 8000).T, 1e-10))
    return (np.maximum(logs, logs.max() - 8) + 4) / 4


def nemo(x, mode, bins=80):
    """AudioToMelSpectrogramPreprocessor of NeMo with its defaults, dither 0, normalize per_feature, valid frames only."""
    x = np.concatenate([x[:1], x[1:] - 0.97 * x[:-1]])
    power = centred(x, hann(400, False), 160, 512, mode)[:len(x) // 160]
    logs = np.log(power @ slaney_filters(bins, 512, 16000, 0, 8000).T + 2.0 ** -24)
    return (logs - logs.mean(0)) / (logs.std(0, ddof=1) + 1e-5)


def torchaudio(x, bins=64):
    """MelSpectrogram of torchaudio with its defaults but the bins, and log(x + 1e-6)."""
    power = centred(x, hann(400, True), 200, 400, "reflect")
    return np.log(power @ htk_filters(bins, 400, 16000, 0, 8000).T + 1e-6)


def odd(x):
    """No model's: magnitudes, an FFT of odd length, 8 kHz, Slaney's scale without its norm."""
    window = hann(225, True)
    filters = slaney_filters(23, 225, 8000, 64, 3800, norm=False)
    frames = np.array([x[i:i + 225] for i in range(0, len(x) - 225 + 1, 75)])
    return np.log10(np.abs(np.fft.rfft(frames * window)) @ filters.T + 1e-4)


def wenet_cmvn(features):
    """A global_cmvn of made-up sums: mean_stat, var_stat and frame_num as the test has them too."""
    frames, bins = 1000, np.arange(features.shape[1])
    mean_stat = frames * (10 + (bins * 7 % 13) / 4.0)
    var_stat = mean_stat ** 2 / frames + frames * (4 + bins % 5)
    mean = mean_stat / frames
    return (features - mean) / np.sqrt(np.maximum(var_stat / frames - mean ** 2, 1e-20))


def low_frame_rate(features, m, n):
    """apply_lfr of FunASR."""
    count = int(np.ceil(len(features) / n))
    features = np.vstack([np.tile(features[:1], ((m - 1) // 2, 1)), features])
    rows = []
    for i in range(count):
        row = features[i * n:i * n + m]
        if len(row) < m:
            row = np.vstack([row, np.tile(features[-1:], (m - len(row), 1))])
        rows.append(row.reshape(-1))
    return np.array(rows)


def funasr_cmvn(features):
    """An am.mvn of made-up values, as the test has them too."""
    place = np.arange(features.shape[1])
    return (features + -(8 + (place * 7 % 13) / 4.0)) * (0.125 + place % 5 / 32.0)


def wav2vec2(x):
    return ((x - x.mean()) / np.sqrt(x.var() + 1e-7))[:, None]


def families():
    x = signal()
    scaled = x * 32768
    povey = hann(400, False) ** 0.85
    wenet = kaldi_fbank(scaled, povey, 8000)
    return {
        "kaldi": wenet,
        "kaldi-hann": kaldi_fbank(scaled, hann(400, False), 7600, bins=40),
        "wenet": wenet_cmvn(wenet),
        "zipformer": kaldi_fbank(x, povey, 7600, snip_edges=False),
        "sensevoice": funasr_cmvn(low_frame_rate(kaldi_fbank(scaled, hamming(400), 8000), 7, 6)),
        "whisper-80": whisper(x, 80),
        "whisper-128": whisper(x, 128),
        "nemo-zero": nemo(x, "constant"),
        "nemo-reflect": nemo(x, "reflect"),
        "torchaudio": torchaudio(x),
        "odd": odd(x),
        "wav2vec2": wav2vec2(x),
    }


def main():
    whole = len(sys.argv) > 1
    tables = {}
    for name, features in families().items():
        count, width = features.shape
        # The first and the last frames, where the edges are; the gap's beginning, the loud middle.
        chosen = range(count) if whole else sorted({0, 1, count // 3, count * 9 // 20, count * 3 // 4, count - 2, count - 1})
        tables[name] = {
            "shape": [count, width],
            "std": float("%.6g" % features.std()),
            "frames": {str(i): [float("%.6g" % value) for value in features[i]] for i in chosen},
        }
    path = sys.argv[2] if whole else os.path.join(os.path.dirname(os.path.abspath(__file__)), "features.json")
    with open(path, "w") as file:
        file.write("{\n" + ",\n".join(f"{json.dumps(name)}: {json.dumps(table, separators=(',', ':'))}" for name, table in tables.items()) + "\n}\n")


if __name__ == "__main__":
    main()
