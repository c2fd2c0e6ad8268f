"""Trains the model that puts commas, periods, question marks and capitals into the recogniser's words.

It sees each word's letters and the pause after it. Sentences come fresh from the grammar's training templates; words
are blurred and replaced at random, so that it learns openings, pauses and word shapes rather than the templates.
work/punctuation.pt is written every minute, and a run that finds it goes on from there.
"""

import argparse
import os
import random
import time
from pathlib import Path

import numpy
import torch
from torch import nn

from grammar import LETTERS, REPOSITORY, SEED, Grammar, normalise

ALPHABET = LETTERS
WORD_LENGTH = 16
MARKS = ["", ",", ".", "?"]
CASES = ["lower", "capitalised", "upper"]
LETTER_SIZE, WORD_SIZE, SIZE = 24, 112, 128
DILATIONS = [1, 2, 4, 1, 2]
PEAK_RATE = 2e-3
AVERAGE = 0.998


class PunctuationModel(nn.Module):
    """chars [words, 16] and pauses [words] to logits of marks [words, 4] and of case [words, 3]."""

    def __init__(self):
        super().__init__()
        self.letters = nn.Embedding(len(ALPHABET) + 2, LETTER_SIZE)
        self.shape = nn.Conv1d(LETTER_SIZE, WORD_SIZE, 5, padding=2)
        self.pause = nn.Linear(2, 16)
        self.enter = nn.Conv1d(WORD_SIZE + 16, SIZE, 1)
        self.blocks = nn.ModuleList([nn.Conv1d(SIZE, SIZE, 3, padding=dilation, dilation=dilation)
                                     for dilation in DILATIONS])
        self.drop = nn.Dropout(0.15)
        self.leave = nn.Conv1d(SIZE, len(MARKS) + len(CASES), 1)

    def forward(self, chars, pauses):
        logits = self.tag(chars, pauses.unsqueeze(0))[0]
        return logits[:, :len(MARKS)], logits[:, len(MARKS):]

    def tag(self, chars, pauses, mask=None):
        """One passage, or with a mask several of different lengths: chars [passages * words, 16], the others
        [passages, words]; the mask is 0 where a passage has ended."""
        shape = torch.relu(self.shape(self.letters(chars).transpose(1, 2))).amax(dim=2)
        shape = shape.reshape(1 if mask is None else len(mask), -1, WORD_SIZE)
        # The root tells short pauses apart, which matter most.
        pause = torch.relu(self.pause(torch.stack([pauses, torch.sqrt(pauses)], dim=2)))
        x = self.drop(torch.relu(self.enter(torch.cat([shape, pause], dim=2).transpose(1, 2))))
        for block in self.blocks:
            if mask is not None:
                x = x * mask.unsqueeze(1)
            x = x + self.drop(torch.relu(block(x)))
        if mask is not None:
            x = x * mask.unsqueeze(1)
        return self.leave(x).transpose(1, 2)


def letters_of(word):
    found = [ALPHABET.find(letter) + 1 or len(ALPHABET) + 1 for letter in word[:WORD_LENGTH]]
    return found + [0] * (WORD_LENGTH - len(found))


def read(sentence):
    """A written sentence to (word, mark, case) for each word."""
    result = []
    for written in sentence.split():
        bare = written.rstrip(",.?")
        mark = MARKS.index(written[len(bare):]) if written[len(bare):] in MARKS else 2
        case = 2 if len(bare) > 1 and bare.isupper() else 1 if bare[0].isupper() else 0
        result.append((normalise(bare), mark, case))
    return result


def pause_after(chance, mark, last, paragraph):
    if last:
        return 3.0
    if mark >= 2:
        if paragraph:
            return chance.uniform(1, 3)
        return chance.uniform(0.2, 1.0) if chance.random() < 0.85 else chance.uniform(0.0, 0.2)
    if mark == 1:
        return chance.uniform(0, 0.35)
    return chance.uniform(0.3, 0.6) if chance.random() < 0.02 else chance.uniform(0, 0.15) ** 1.5 * 2.5


def passage(grammar, templates, chance, sentences, errors=True):
    """Words of some sentences in a row, with pauses, marks and cases; with the recogniser's errors."""
    words = []
    silent = chance.random() < 0.1  # a recogniser that knows no pauses
    for number in range(sentences):
        sentence = read(grammar.sentence(chance, templates))
        paragraph = chance.random() < 0.2
        for word, mark, case in sentence:
            fate = chance.random() if errors else 1.0
            pause = 0.0 if silent else min(3.0, pause_after(chance, mark, False, paragraph))
            if fate < 0.017:
                word = chance.choice(grammar.words)
            elif fate < 0.034 and mark == 0 and case == 0:
                continue
            elif fate < 0.05:
                words.append((chance.choice(grammar.words), 0, 0, chance.uniform(0, 0.1) if not silent else 0.0))
            words.append((word, mark, case, pause))
    if not silent:
        words[-1] = words[-1][:3] + (3.0,)
    return words[:256]


def blur(chance, word):
    """Unknown letters in place of some or all: the model must not rest on single words."""
    if chance.random() < 0.06:
        return "#" * len(word)
    if chance.random() < 0.06:
        place = chance.randrange(len(word))
        return word[:place] + chance.choice(ALPHABET) + word[place + 1:]
    return word


def tensors(passages, chance=None):
    longest = max(len(words) for words in passages)
    chars = numpy.zeros((len(passages), longest, WORD_LENGTH), numpy.int64)
    pauses, mask = numpy.zeros((2, len(passages), longest), numpy.float32)
    marks, cases = numpy.full((2, len(passages), longest), -100, numpy.int64)
    for row, words in enumerate(passages):
        for column, (word, mark, case, pause) in enumerate(words):
            chars[row, column] = letters_of(blur(chance, word) if chance else word)
            pauses[row, column], mask[row, column] = pause, 1
            marks[row, column], cases[row, column] = mark, case
    return [torch.from_numpy(x) for x in (chars.reshape(-1, WORD_LENGTH), pauses, mask, marks, cases)]


def scores(tag, passages):
    """F1 of sentence ends, of each mark, and of capitals that open no sentence. tag: chars, pauses to two logits."""
    counts = {name: [0, 0, 0] for name in ("sentence end", "comma", "period", "question", "inner capital")}

    def count(name, told, true):
        counts[name][0] += told and true
        counts[name][1] += told
        counts[name][2] += true

    for words in passages:
        chars, pauses, _, _, _ = tensors([words])
        marks, cases = tag(chars, pauses[0])
        opens = True
        for (_, mark, case, _), told_mark, told_case in zip(words, marks.argmax(1).tolist(), cases.argmax(1).tolist()):
            count("sentence end", told_mark >= 2, mark >= 2)
            for index, name in ((1, "comma"), (2, "period"), (3, "question")):
                count(name, told_mark == index, mark == index)
            if not opens:
                count("inner capital", told_case > 0, case > 0)
            opens = mark >= 2
    return {name: round(2 * hit / max(1, told + true), 3) for name, (hit, told, true) in counts.items()}


def held_out_passages(grammar, count=250, pauses=True):
    """Passages of templates no model has seen, without recognition errors."""
    chance = random.Random(SEED + 5)
    made = [passage(grammar, grammar.held_out, chance, chance.randint(2, 8), errors=False) for _ in range(count)]
    # Either every passage has its pauses or none has.
    return [words for words in made if words[-1][3] > 0] if pauses else \
        [[(word, mark, case, 0.0) for word, mark, case, _ in words] for words in made]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=REPOSITORY / "artifacts" / "demo-en")
    parser.add_argument("--steps", type=int, default=2200)
    parser.add_argument("--passages", type=int, default=24, help="in a batch")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    path = arguments.work / "punctuation.pt"
    grammar = Grammar()
    torch.manual_seed(SEED)
    model = PunctuationModel()
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK_RATE, weight_decay=1e-2)
    step, average = 0, {name: value.clone() for name, value in model.state_dict().items()}
    if path.exists():
        saved = torch.load(path)
        step, average = saved["step"], saved["average"]
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
    chance = random.Random(f"{SEED} {step}")
    print(sum(p.numel() for p in model.parameters()), "parameters")
    saved_at = time.time()
    while step < arguments.steps:
        for group in optimizer.param_groups:
            falling = 0.5 * (1 + numpy.cos(numpy.pi * step / arguments.steps))
            group["lr"] = PEAK_RATE * min(1.0, (step + 1) / 200) * (0.01 + 0.99 * falling)
        made = [passage(grammar, grammar.training, chance, chance.randint(1, 8)) for _ in range(arguments.passages)]
        chars, pauses, mask, marks, cases = tensors(made, chance)
        logits = model.tag(chars, pauses, mask)
        loss = nn.functional.cross_entropy(logits[..., :len(MARKS)].flatten(0, 1), marks.flatten()) \
            + nn.functional.cross_entropy(logits[..., len(MARKS):].flatten(0, 1), cases.flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 2.0)
        optimizer.step()
        step += 1
        with torch.no_grad():
            keep = min(AVERAGE, step / (step + 10))
            for name, value in model.state_dict().items():
                average[name].mul_(keep).add_(value, alpha=1 - keep)
        if time.time() - saved_at > 60 or step == arguments.steps:
            saved_at = time.time()
            torch.save({"step": step, "model": model.state_dict(), "average": average,
                        "optimizer": optimizer.state_dict()}, f"{path}.part")
            os.replace(f"{path}.part", path)
            judge = PunctuationModel().eval()
            judge.load_state_dict(average)
            with torch.no_grad():
                print(f"step {step}, loss {loss.item():.4f}", scores(judge, held_out_passages(grammar, 60)), flush=True)
    judge = PunctuationModel().eval()
    judge.load_state_dict(average)
    with torch.no_grad():
        for name, pauses in (("with pauses", True), ("without", False)):
            print(f"held-out templates, true words, {name}:", scores(judge, held_out_passages(grammar, pauses=pauses)))


if __name__ == "__main__":
    main()
