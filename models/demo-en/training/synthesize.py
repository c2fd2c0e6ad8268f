"""Speaks the planned utterances with the free voices of espeak-ng, flite and festival: work/audio/ID.wav, 16 kHz.

Files that exist are kept, so an interrupted run goes on where it stopped.
"""

import argparse
import json
import multiprocessing
import re
import subprocess
import tempfile
from pathlib import Path

from grammar import REPOSITORY


def spoken(text):
    """Abbreviations letter by letter: every synthesiser reads "C P U" the same way."""
    return re.sub(r"\b[A-Z]{2,}\b", lambda found: " ".join("ay" if c == "A" else c for c in found.group()), text)


def speak(job):
    """One utterance, to a temporary file first: a file in audio/ is always complete."""
    folder, item = job
    target = folder / f"{item['id']}.wav"
    if target.exists():
        return
    program, voice = item["voice"].split(" ", 1)
    text, speed, pitch = spoken(item["text"]), item["speed"], item["pitch"]
    with tempfile.TemporaryDirectory() as scratch:
        raw, made = Path(scratch) / "raw.wav", folder / f"{item['id']}.part.wav"
        if program == "espeak":
            command = ["espeak-ng", "-v", voice, "-s", str(int(165 * speed)), "-p", str(int(50 * pitch ** 2)),
                       "-w", str(raw), text]
        elif program == "flite":
            # The diphone voices take a mean pitch in hertz, the statistical ones a factor.
            tone = f"int_f0_target_mean={105 * pitch:.0f}" if voice.startswith("kal") else f"f0_shift={pitch}"
            command = ["flite", "-voice", voice, "--setf", f"duration_stretch={1 / speed:.2f}", "--setf", tone,
                       "-t", text, "-o", str(raw)]
        else:
            words = Path(scratch) / "text"
            words.write_text(text)
            command = ["text2wave", "-eval", f"(begin (voice_{voice}) (Parameter.set 'Duration_Stretch {1 / speed:.2f}))",
                       str(words), "-o", str(raw)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        subprocess.run(["sox", "-G", str(raw), "-r", "16000", "-c", "1", "-b", "16", str(made)], check=True,
                       stderr=subprocess.DEVNULL)
        made.rename(target)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=REPOSITORY / "artifacts" / "demo-en")
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    folder = arguments.work / "audio"
    folder.mkdir(exist_ok=True)
    plan = [json.loads(line) for line in (arguments.work / "utterances.jsonl").read_text().splitlines()]
    with multiprocessing.Pool(arguments.processes) as pool:
        for done, _ in enumerate(pool.imap_unordered(speak, [(folder, item) for item in plan], chunksize=4), 1):
            if done % 250 == 0:
                print(f"{done} of {len(plan)} utterances", flush=True)


if __name__ == "__main__":
    main()
