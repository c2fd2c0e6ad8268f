#!/usr/bin/env bash
# From nothing to the shipped files of the demo models: train.sh [--work DIR]
#
# Needs Linux, Python 3 with torch, onnx, numpy and scipy, and the synthesisers (Debian: apt-get install python3-torch
# python3-onnx python3-scipy espeak-ng flite festival festvox-kallpc16k festvox-kdlpc16k
# festvox-us-slt-hts sox), and what ./omoai needs. On two cores it takes about two and a half hours; stopped and started
# again, it goes on where it was. Needs 4 GB of disk in DIR.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$here/../../../artifacts/demo-en
if [ "${1:-}" = --work ]; then
  work=$2
fi
mkdir -p "$work"
work=$(cd "$work" && pwd)
cd "$here"
export PYTHONDONTWRITEBYTECODE=1
python=${PYTHON:-python3}

if [ ! -e "$work/utterances.jsonl" ]; then
  "$python" grammar.py --work "$work"
fi
"$python" synthesize.py --work "$work"
"$python" features.py --work "$work"
"$python" ngrams.py --work "$work"
"$python" train_punctuation.py --work "$work"
"$python" export.py punctuation --work "$work"
"$python" train_speech.py --work "$work"
"$python" export.py speech --work "$work"
"$python" tune.py --work "$work"
