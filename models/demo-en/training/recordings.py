"""Makes the recordings that tune.py and bench/accuracy use: WORK/ROW/NN.wav and, in NN.txt, what is said in them.

Sentences that are in no training text, a voice for each recording, pauses between the sentences. Files that exist are
kept.
"""

import argparse
import multiprocessing
import random
from pathlib import Path

import numpy
import scipy.io.wavfile

from features import SAMPLE_RATE, read_wav
from grammar import ESPEAK_ACCENTS, ESPEAK_HELD_OUT, ESPEAK_VARIANTS, SEED, Grammar
from synthesize import speak

# As near to their shares in training as 14 recordings allow.
TRAINED = (["espeak"] * 5 + ["flite slt"] * 2 + ["flite awb"] * 2 + ["flite kal16", "flite kal", "festival kal_diphone",
           "festival ked_diphone", "festival cmu_us_slt_arctic_hts"])
RMS = ["flite rms"] * len(TRAINED)
VARIANTS = [f"espeak en-us+{variant}" for variant in ESPEAK_HELD_OUT]

# Row: which of grammar.measured its sentences are, the kinds of their templates, its voices. What tunes the decoder must
# not be measured, and should know voices that training doesn't.
ROWS = {
    "validation": ("validation", ["trained", "held out"], TRAINED + VARIANTS[:2]),
    "trained": ("accuracy", ["trained"], TRAINED),
    "rms": ("accuracy", ["trained"], RMS),
    "variants": ("accuracy", ["trained"], [VARIANTS[2 + i % (len(VARIANTS) - 2)] for i in range(len(TRAINED))]),
    "templates": ("accuracy", ["held out"], TRAINED),
    "rms-templates": ("accuracy", ["held out"], RMS),
}


def plan(grammar, row):
    """(voice, speed, pitch, sentences) of each recording of a row."""
    measured, templates, voices = ROWS[row]
    chance = random.Random(f"{SEED} {row}")
    sentences = [sentence for kind in templates for sentence in grammar.measured[measured][kind]]
    chance.shuffle(sentences)
    for number, voice in enumerate(voices):
        if voice == "espeak":
            voice = f"espeak {chance.choice(ESPEAK_ACCENTS)}+{chance.choice(ESPEAK_VARIANTS)}"
        yield (voice, round(chance.uniform(0.9, 1.1), 2), round(chance.uniform(0.9, 1.1), 2),
               sentences[number::len(voices)])


def record(job):
    folder, row, number, (voice, speed, pitch, sentences) = job
    target = folder / row / f"{number:02d}.wav"
    if target.exists():
        return
    chance = numpy.random.default_rng([SEED, number])
    pieces, said = [], []
    parts = folder / "sentences"
    for place, sentence in enumerate(sentences):
        name = f"{row}-{number:02d}-{place:02d}"
        speak((parts, {"id": name, "text": sentence, "voice": voice, "speed": speed, "pitch": pitch}))
        samples = read_wav(parts / f"{name}.wav")
        if len(samples) < 0.03 * SAMPLE_RATE * len(sentence):  # a synthesiser that failed silently
            continue
        pieces += [numpy.zeros(int(SAMPLE_RATE * chance.uniform(0.25, 0.9)), numpy.int16), samples]
        said.append(sentence)
    target.with_suffix(".txt").write_text(" ".join(said) + "\n")
    part = target.with_suffix(".part")
    scipy.io.wavfile.write(part, SAMPLE_RATE, numpy.concatenate(pieces))
    part.rename(target)


def make(work, rows, recordings=None):
    """The recordings of some rows; of each the first few only, where that is asked for."""
    grammar = Grammar()
    jobs = [(work, row, number, recording) for row in rows
            for number, recording in enumerate(plan(grammar, row)) if recordings is None or number < recordings]
    for folder in ["sentences", *rows]:
        (work / folder).mkdir(parents=True, exist_ok=True)
    with multiprocessing.Pool() as pool:
        for _ in pool.imap_unordered(record, jobs):
            pass


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path)
    parser.add_argument("rows", nargs="+", choices=ROWS)
    parser.add_argument("--recordings", type=int, help="of each row, at most")
    arguments = parser.parse_args()
    make(arguments.work, arguments.rows, arguments.recordings)


if __name__ == "__main__":
    main()
