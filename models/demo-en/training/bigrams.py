"""Word pairs of the grammar's text, as an ARPA file; and reading such a file.

Absolute discounting: each pair that was counted gives up a bit of its count, which is shared out over all words.
"""

import argparse
import math
import random
from collections import Counter
from pathlib import Path

from grammar import REPOSITORY, SEED, Grammar, normalise

DISCOUNT = 0.6
FEWEST = 2               # rarer pairs are left out: they say little and make most of the file
RUNS_ON = 0.3            # share of sentences that another follows without a pause the recogniser would notice


def write_arpa(sentences, words, path):
    chance = random.Random(SEED + 3)
    pairs, singles, before = Counter(), Counter(), "<s>"
    for sentence in sentences:
        for word in sentence.split():
            pairs[before, word] += 1
            singles[word] += 1
            before = word
        if chance.random() >= RUNS_ON:
            pairs[before, "</s>"] += 1
            singles["</s>"] += 1
            before = "<s>"
    total = sum(singles.values()) + 3 * len(words) + 1
    single = {word: (singles[word] + 3) / total for word in words}
    single["</s>"] = singles["</s>"] / total
    single["<unk>"] = 1 / total

    contexts, followers, kept = Counter(), Counter(), {}
    for (first, second), count in pairs.items():
        contexts[first] += count
    for (first, second), count in pairs.items():
        if count >= FEWEST:
            kept[first, second] = (count - DISCOUNT) / contexts[first]
            followers[first] += kept[first, second]
    rest = {word: 1 - followers[word] for word in contexts}  # what remains for words that never followed

    lines = ["\\data\\", f"ngram 1={len(single) + 1}", f"ngram 2={len(kept)}", "", "\\1-grams:"]
    lines.append(f"-99\t<s>\t{math.log10(rest['<s>']):.4f}")
    for word in sorted(single):
        back_off = f"\t{math.log10(rest[word]):.4f}" if word in rest else ""
        lines.append(f"{math.log10(single[word]):.4f}\t{word}{back_off}")
    lines += ["", "\\2-grams:"]
    for (first, second), share in sorted(kept.items()):
        lines.append(f"{math.log10(share + rest[first] * single[second]):.4f}\t{first} {second}")
    path.write_text("\n".join(lines + ["", "\\end\\", ""]))


class Bigrams:
    """ln P(word | the word before)."""

    def __init__(self, path):
        self.single, self.back_off, self.pair = {}, {}, {}
        for line in path.read_text().splitlines():
            fields = line.split("\t")
            if len(fields) < 2:
                continue
            words = fields[1].split(" ")
            if len(words) == 2:
                self.pair[tuple(words)] = float(fields[0]) * math.log(10)
            else:
                self.single[fields[1]] = float(fields[0]) * math.log(10)
                self.back_off[fields[1]] = float(fields[2]) * math.log(10) if len(fields) > 2 else 0.0

    def score(self, before, word):
        found = self.pair.get((before, word))
        if found is not None:
            return found
        return self.back_off.get(before, 0.0) + self.single.get(word, self.single["<unk>"])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=REPOSITORY / "artifacts" / "demo-en")
    work = parser.parse_args().work
    grammar = Grammar()
    sentences = [normalise(line) for line in (work / "sentences.txt").read_text().splitlines()]
    assert not set(sentences) & grammar.forbidden, "a sentence of the sample is in the text of the bigrams"
    write_arpa(sentences, grammar.words, work / "bigrams.arpa")
    print(f"{(work / 'bigrams.arpa').stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
