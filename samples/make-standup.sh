#!/usr/bin/env bash
# Speaks standup.txt into standup.wav (16 kHz, mono, 16-bit), a sentence at a time, with a short pause after each
# sentence and a longer one after each paragraph. Needs flite and sox (Debian: apt-get install flite sox).
set -euo pipefail
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

sox -D -n -r 16000 -c 1 -b 16 "$work/sentence-pause.wav" trim 0 0.45
sox -D -n -r 16000 -c 1 -b 16 "$work/paragraph-pause.wav" trim 0 1.80

parts=("$work/sentence-pause.wav")
number=0
while IFS= read -r line; do
  if [ -z "$line" ]; then
    parts+=("$work/paragraph-pause.wav")
    continue
  fi
  while IFS= read -r sentence; do
    [ -n "$sentence" ] || continue
    number=$((number + 1))
    flite -voice slt -t "$sentence" -o "$work/$number.wav"
    parts+=("$work/$number.wav" "$work/sentence-pause.wav")
  done < <(sed -E 's/([.?!]) /\1\n/g' <<<"$line")
done < standup.txt

# -D: no dither, so that the same text gives the same bytes.
sox -D "${parts[@]}" -r 16000 -c 1 -b 16 standup.wav
