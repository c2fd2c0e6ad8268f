"""Chooses the numbers of the speech model's decoder and fits its confidence, on recordings made for that alone.

The product itself recognises them, once with each pair of numbers. The best pair goes into speech/model.json, with the
line that makes probabilities of that run's confidences (Platt scaling).
"""

import argparse
import itertools
import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy

import recordings
from export import MODELS
from grammar import REPOSITORY, normalise

WEIGHTS = [0.4, 0.6, 0.8]        # of the n-grams
BONUSES = [1.5, 3.0, 4.5]        # of each word


def align(true, told):
    """Edits (Levenshtein), and for each word told whether it is right in an alignment with the fewest."""
    table = numpy.zeros((len(true) + 1, len(told) + 1), numpy.int32)
    table[:, 0], table[0] = range(len(true) + 1), range(len(told) + 1)
    for i, word in enumerate(true, 1):
        for j, other in enumerate(told, 1):
            table[i, j] = min(table[i - 1, j] + 1, table[i, j - 1] + 1, table[i - 1, j - 1] + (word != other))
    i, j, right = len(true), len(told), [False] * len(told)
    while i and j:
        if table[i, j] == table[i - 1, j - 1] + (true[i - 1] != told[j - 1]):
            i, j = i - 1, j - 1
            right[j] = true[i] == told[j]
        elif table[i, j] == table[i - 1, j] + 1:
            i -= 1
        else:
            j -= 1
    return int(table[-1, -1]), right


def recognise(model, audio, scratch):
    """[(word, confidence)] of each recording."""
    output = scratch / "out"
    shutil.rmtree(output, ignore_errors=True)
    environment = {**os.environ, "Omoai__Models__Folders__0": str(model.parent)}
    subprocess.run([REPOSITORY / "omoai", "process", *audio, "-o", output, "--format", "json", "--summary", "none", "--quiet"],
                   env=environment, check=True, stderr=subprocess.DEVNULL)
    told = []
    for file in audio:
        segments = json.loads((output / file.stem / "final.json").read_text())["segments"]
        told.append([(normalise(word["text"]), word["confidence"]) for segment in segments for word in segment["words"]])
    return told


def judge(told, said):
    """The word error rate, and of each word told its confidence and whether it is right."""
    errors, judged = 0, []
    for words, true in zip(told, said):
        edits, right = align(true, [word for word, _ in words])
        errors += edits
        judged += [(confidence, hit) for (_, confidence), hit in zip(words, right)]
    return errors / sum(map(len, said)), judged


def fit(judged, steps=50):
    """Slope and offset of the logistic regression of being right on the logit of the confidence (Newton's method)."""
    confidence = numpy.clip([confidence for confidence, _ in judged], 1e-4, 1 - 1e-6)
    x = numpy.stack([numpy.log(confidence / (1 - confidence)), numpy.ones(len(judged))])
    y = numpy.array([hit for _, hit in judged], float)
    line = numpy.array([1.0, 0.0])
    for _ in range(steps):
        p = 1 / (1 + numpy.exp(-line @ x))
        line = line + numpy.linalg.solve((x * p * (1 - p)) @ x.T + 1e-9 * numpy.eye(2), x @ (y - p))
    return line


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=REPOSITORY / "artifacts" / "demo-en")
    work = parser.parse_args().work
    recordings.make(work, ["validation"])
    audio = sorted((work / "validation").glob("*.wav"))
    said = [normalise(file.with_suffix(".txt").read_text()).split() for file in audio]

    shipped, candidate = MODELS / "speech", work / "tune" / "demo-en"
    shutil.rmtree(work / "tune", ignore_errors=True)
    shutil.copytree(shipped, candidate)
    description = json.loads((shipped / "model.json").read_text())
    description.pop("confidence", None)
    best = None
    for weight, bonus in itertools.product(WEIGHTS, BONUSES):
        description["decoder"].update(lmWeight=weight, wordBonus=bonus)
        (candidate / "model.json").write_text(json.dumps(description))
        rate, judged = judge(recognise(candidate, audio, work / "tune"), said)
        print(f"lmWeight {weight}, wordBonus {bonus}: word error rate {rate:.4f} of {sum(map(len, said))} words", flush=True)
        if best is None or rate < best[0]:
            best = rate, weight, bonus, judged

    _, weight, bonus, judged = best
    slope, offset = fit(judged)
    description["decoder"].update(lmWeight=weight, wordBonus=bonus)
    description["confidence"] = {"slope": round(slope, 3), "offset": round(offset, 3)}
    description["files"] = description.pop("files")  # last
    (shipped / "model.json.part").write_text(json.dumps(description, indent=2) + "\n")
    os.replace(shipped / "model.json.part", shipped / "model.json")
    print(f"lmWeight {weight}, wordBonus {bonus}, confidence {description['confidence']}")


if __name__ == "__main__":
    main()
