"""The beam search of the product, in Python: the words of the list that best explain the letters' probabilities.

A CTC prefix beam search. A prefix is the words so far and a place in the tree of all words. Wherever a word ends (a
space, or the end of the input), the prefix's score gains  weight * ln P(word | word before) + bonus.
"""

import math

import numpy

NEVER = -math.inf
UNLIKELY = -9.0          # letters of a lower log probability are not tried in a step


def add(a, b):
    """ln(exp a + exp b)"""
    if a < b:
        a, b = b, a
    return a if b == NEVER else a + math.log1p(math.exp(b - a))


class Decoder:
    def __init__(self, tokens, words, bigrams, weight, bonus, beam=32):
        self.bigrams, self.weight, self.bonus, self.beam = bigrams, weight, bonus, beam
        self.space = tokens.index("<space>")
        ids = {token: index for index, token in enumerate(tokens)}
        self.next, self.word = [{}], [None]  # of each node of the tree; node 0 is the root
        for word in words:
            node = 0
            for letter in word:
                if ids[letter] not in self.next[node]:
                    self.next[node][ids[letter]] = len(self.next)
                    self.next.append({})
                    self.word.append(None)
                node = self.next[node][ids[letter]]
            self.word[node] = word

    def decode(self, log_probs):
        """log_probs: [steps, tokens]. Returns the text."""
        # Prefix (history, node) to [ends in blank, ends in its last letter, language score, last letter]. A history
        # is the number of a (history before, word) in this list, so that prefixes compare fast.
        histories, numbers = [(None, "<s>")], {}
        beams = {(0, 0): [0.0, NEVER, 0.0, None]}

        def close(history, node):
            """The history after the word that ends at the node, and what the language model gives for it."""
            key = (history, node)
            if key not in numbers:
                word = self.word[node]
                score = self.weight * self.bigrams.score(histories[history][1], word) + self.bonus
                histories.append((history, word))
                numbers[key] = len(histories) - 1, score
            return numbers[key]

        for row in numpy.asarray(log_probs, numpy.float64).tolist():
            likely = [token for token in range(1, len(row)) if row[token] > UNLIKELY]
            after = {}

            def reach(key, language, last):
                if key not in after:
                    after[key] = [NEVER, NEVER, language, last]
                return after[key]

            for (history, node), (blank, letter, language, last) in beams.items():
                total = add(blank, letter)
                same = reach((history, node), language, last)
                same[0] = add(same[0], total + row[0])
                if last is not None:
                    same[1] = add(same[1], letter + row[last])
                for token in likely:
                    # A letter that repeats the last one needs a blank between.
                    source = blank if token == last else total
                    if source == NEVER:
                        continue
                    if token == self.space:
                        if self.word[node] is None:
                            continue
                        number, score = close(history, node)
                        grown = reach((number, 0), language + score, token)
                    else:
                        child = self.next[node].get(token)
                        if child is None:
                            continue
                        grown = reach((history, child), language, token)
                    grown[1] = add(grown[1], source + row[token])
            ranked = sorted(after.items(), key=lambda entry: -(add(entry[1][0], entry[1][1]) + entry[1][2]))
            beams = dict(ranked[:self.beam])

        best, best_score = 0, NEVER
        for complete in (True, False):  # unfinished words only where nothing else is left
            for (history, node), (blank, letter, language, _) in beams.items():
                score = add(blank, letter) + language
                if complete and node != 0:
                    if self.word[node] is None:
                        continue
                    history, gain = close(history, node)
                    score += gain
                if score > best_score:
                    best, best_score = history, score
            if best_score > NEVER:
                break
        words = []
        while histories[best][0] is not None:
            words.append(histories[best][1])
            best = histories[best][0]
        return " ".join(reversed(words))
