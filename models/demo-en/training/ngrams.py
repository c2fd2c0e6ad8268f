"""Writes how likely words follow one another in the grammar's text, as an ARPA file: words.arpa.

Interpolated absolute discounting: each n-gram that was counted gives up a bit of its count, which is shared out as the
shorter n-grams say. N-grams that say little more than the shorter ones are left out (the weighted difference of Seymore
and Rosenfeld 1996).
"""

import argparse
import math
import random
from collections import Counter, defaultdict
from pathlib import Path

from grammar import REPOSITORY, SEED, Grammar, normalise

ORDER = 3
DISCOUNT = 0.6
FEWEST = 2               # rarer n-grams are left out: they say little and make most of the file
WORTH = 4.0              # so are those whose count times ln(P(word | words) / P(word | words less the first)) is less
RUNS_ON = 0.3            # share of sentences that another follows without a pause the recogniser would notice


def count(sentences):
    """Counters of the n-grams of each length: [{(word,): count}, {(word, word): count}, ...]."""
    chance = random.Random(SEED + 3)
    counts = [Counter() for _ in range(ORDER)]
    history = ["<s>"]
    for sentence in sentences:
        words = sentence.split()
        if chance.random() >= RUNS_ON:
            words.append("</s>")
        for word in words:
            for length in range(1, min(ORDER, len(history) + 1) + 1):
                counts[length - 1][(*history[len(history) - length + 1:], word)] += 1
            history = ["<s>"] if word == "</s>" else (history + [word])[-(ORDER - 1):]
    return counts


def write_arpa(sentences, words, path):
    counts = count(sentences)
    total = sum(counts[0].values()) + 3 * len(words) + 1
    # Every word of the list has a place, also one that the text lacks.
    kept = [{(word,): (counts[0][word,] + 3) / total for word in words}]
    kept[0][("</s>",)] = counts[0]["</s>",] / total
    kept[0][("<unk>",)] = 1 / total
    rest = {}  # of each history: what remains for the words that its n-grams don't list

    def probability(ngram):
        if ngram in kept[len(ngram) - 1]:
            return kept[len(ngram) - 1][ngram]
        return rest.get(ngram[:-1], 1.0) * probability(ngram[1:])

    for length in range(2, ORDER + 1):
        seen, shares = Counter(), defaultdict(float)
        for ngram, times in counts[length - 1].items():
            seen[ngram[:-1]] += times
        chosen = {}
        for ngram, times in counts[length - 1].items():
            history = ngram[:-1]
            if times < FEWEST or length > 2 and history not in kept[-1]:
                continue
            share = (times - DISCOUNT) / seen[history]
            if length > 2 and times * math.log(share / probability(ngram[1:])) < WORTH:
                continue
            chosen[ngram] = share
            shares[history] += share
        rest.update({history: 1 - shares[history] for history in (seen if length == 2 else shares)})
        kept.append({ngram: share + rest[ngram[:-1]] * probability(ngram[1:]) for ngram, share in chosen.items()})

    lines = ["\\data\\"] + [f"ngram {length}={len(ngrams) + (length == 1)}" for length, ngrams in enumerate(kept, 1)]
    for length, ngrams in enumerate(kept, 1):
        lines += ["", f"\\{length}-grams:"]
        if length == 1:
            lines.append(f"-99\t<s>\t{math.log10(rest['<s>',]):.3f}")
        for ngram, value in sorted(ngrams.items()):
            back_off = f"\t{math.log10(rest[ngram]):.3f}" if ngram in rest else ""
            lines.append(f"{math.log10(value):.3f}\t{' '.join(ngram)}{back_off}")
    path.write_text("\n".join(lines + ["", "\\end\\", ""]))
    return [len(ngrams) for ngrams in kept]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=REPOSITORY / "artifacts" / "demo-en")
    work = parser.parse_args().work
    grammar = Grammar()
    sentences = [normalise(line) for line in (work / "sentences.txt").read_text().splitlines()]
    assert not set(sentences) & grammar.forbidden, "a measured sentence is in the text of the n-grams"
    sizes = write_arpa(sentences, grammar.words, work / "words.arpa")
    print(f"{' + '.join(map(str, sizes))} n-grams, {(work / 'words.arpa').stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
