"""The features of the speech model, exactly as the product computes them, and the audio they are made from.

Run as a program it packs work/audio/*.wav into work/train.npy (samples) and train.jsonl (index).
"""

import argparse
import json
from pathlib import Path

import numpy
import scipy.fft
import scipy.io.wavfile
import scipy.sparse

from grammar import REPOSITORY, normalise

SAMPLE_RATE = 16000
WINDOW, HOP, FFT, BINS = 400, 160, 512, 80
LOW, HIGH = 20.0, 8000.0
LOG_FLOOR = 1e-6
DYNAMIC_RANGE = 14.0
SCALE = 0.5

HANN = (0.5 - 0.5 * numpy.cos(2 * numpy.pi * numpy.arange(WINDOW) / WINDOW)).astype(numpy.float32)


def mel(hertz):
    return 1127.0 * numpy.log(1.0 + hertz / 700.0)


def mel_filters():
    """80 triangles of peak 1, linear on the mel scale: [257, 80]."""
    points = numpy.linspace(mel(LOW), mel(HIGH), BINS + 2)
    place = mel(numpy.arange(FFT // 2 + 1) * SAMPLE_RATE / FFT)[:, None]
    left, centre, right = points[:-2], points[1:-1], points[2:]
    weights = numpy.minimum((place - left) / (centre - left), (right - place) / (right - centre))
    return numpy.maximum(weights, 0.0).astype(numpy.float32)


# Sparse, since a frequency counts in two filters at most.
FILTERS = scipy.sparse.csr_matrix(mel_filters().T)


def log_mel(samples):
    """Samples in [-1, 1] to the log energies of the mel filters: [frames, 80]."""
    samples = numpy.asarray(samples, numpy.float32)
    frames = 1 + (len(samples) - WINDOW) // HOP
    windows = numpy.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP][:frames]
    spectrum = scipy.fft.rfft(windows * HANN, n=FFT, axis=1)
    power = spectrum.real ** 2 + spectrum.imag ** 2
    return numpy.log((FILTERS @ power.T).T + numpy.float32(LOG_FLOOR))


def level(energies):
    """Dynamic range, mean and scale, over one input window."""
    energies = numpy.maximum(energies, energies.max() - DYNAMIC_RANGE)
    return ((energies - energies.mean(axis=0)) * SCALE).astype(numpy.float32)


def features(samples):
    return level(log_mel(samples))


def read_wav(path):
    rate, samples = scipy.io.wavfile.read(path)
    assert rate == SAMPLE_RATE and samples.ndim == 1 and samples.dtype == numpy.int16, path
    return samples


def load(work):
    """The samples (16-bit, one after the other) and the items with where each begins and ends."""
    items = [json.loads(line) for line in (work / "train.jsonl").read_text().splitlines()]
    return numpy.load(work / "train.npy", mmap_mode="r"), items


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=REPOSITORY / "artifacts" / "demo-en")
    work = parser.parse_args().work
    if (work / "train.jsonl").exists():
        return
    plan = [json.loads(line) for line in (work / "utterances.jsonl").read_text().splitlines()]
    parts, index, position = [], [], 0
    for item in plan:
        samples = read_wav(work / "audio" / f"{item['id']}.wav")
        # Too short for its text: a synthesiser that failed silently.
        if len(samples) < 0.03 * SAMPLE_RATE * len(item["text"]):
            print("skipped", item["id"], item["voice"], item["text"])
            continue
        parts.append(samples)
        index.append({"start": position, "end": position + len(samples), "words": normalise(item["text"])})
        position += len(samples)
    numpy.save(work / "train.npy", numpy.concatenate(parts))
    (work / "train.jsonl").write_text("".join(json.dumps(item) + "\n" for item in index))
    print(f"{len(index)} utterances, {position / SAMPLE_RATE / 3600:.2f} hours")


if __name__ == "__main__":
    main()
